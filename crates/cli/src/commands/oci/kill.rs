//! `oci kill`: a signal for a container.

use super::global::Global;
use super::main::Failure;

/// Send a signal to a container.
#[derive(Debug, clap::Parser)]
#[command(name = "kill")]
pub(super) struct Args {
    /// To every process of the container, not only the first
    #[arg(short, long)]
    all: bool,
    /// The container
    id: String,
    /// Name or number of the signal
    #[arg(default_value = "TERM")]
    signal: String,
}

pub(super) fn kill(global: &Global, args: &Args) -> Result<i32, Failure> {
    let zero = (args.signal == "0").then_some(0);
    let signal = zero
        .or_else(|| sys::signals::signal_number(&args.signal))
        .ok_or_else(|| Failure::usage(format!("{:?} is not a signal", args.signal)))?;
    runtime::kill(&global.root, &args.id, signal, args.all)?;
    Ok(0)
}
