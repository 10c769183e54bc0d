//! `oci start`: the program of a created container runs.

use super::global::Global;
use super::main::Failure;
use super::notify;

/// Run the program of a created container.
#[derive(Debug, clap::Parser)]
#[command(name = "start")]
pub(super) struct Args {
    /// The container
    id: String,
}

pub(super) fn start(global: &Global, args: &Args) -> Result<i32, Failure> {
    let notify = notify::open(global, &args.id)?;
    runtime::start(&global.root, &args.id)?;
    if let Some(notify) = notify {
        notify.pass_on_of(&global.root, &args.id)?;
    }
    Ok(0)
}
