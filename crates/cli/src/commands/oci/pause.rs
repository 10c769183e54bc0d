//! `oci pause` and `oci resume`.

use super::global::Global;
use super::main::Failure;

/// Stop all processes of a container, or let them go on.
#[derive(Debug, clap::Parser)]
#[command(name = "pause")]
pub(super) struct Args {
    /// The container
    id: String,
}

pub(super) fn pause(global: &Global, args: &Args) -> Result<i32, Failure> {
    runtime::pause(&global.root, &args.id)?;
    Ok(0)
}

pub(super) fn resume(global: &Global, args: &Args) -> Result<i32, Failure> {
    runtime::resume(&global.root, &args.id)?;
    Ok(0)
}
