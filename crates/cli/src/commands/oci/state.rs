//! `oci state`: the state document of a container.

use super::document::Document;
use super::global::Global;
use super::main::Failure;

/// Show the state of a container as JSON.
#[derive(Debug, clap::Parser)]
#[command(name = "state")]
pub(super) struct Args {
    /// The container
    id: String,
}

pub(super) fn state(global: &Global, args: &Args) -> Result<i32, Failure> {
    let (record, status) = runtime::inspect(&global.root, &args.id)?;
    let document = Document::new(&record, status, String::new());
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::usage(format!("writing the state: {error}")))?;
    crate::output::print(&format!("{text}\n"));
    Ok(0)
}
