//! `oci features`: what this runtime can do, as the specification's features document.

use super::main::Failure;

/// Show what this runtime can do, as JSON.
#[derive(Debug, clap::Parser)]
#[command(name = "features")]
pub(super) struct Args {}

pub(super) fn features() -> Result<i32, Failure> {
    let document = runtime::features();
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::usage(format!("writing the features: {error}")))?;
    crate::output::print(&format!("{text}\n"));
    Ok(0)
}
