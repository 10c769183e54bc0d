//! `wharf stop`: end containers, gently first.

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::stop::StopFlags;
use crate::output;
use crate::several::each;

/// End containers, gently first
#[derive(Debug, clap::Parser)]
#[command(name = "stop")]
pub(crate) struct Args {
    #[command(flatten)]
    end: StopFlags,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn stop(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.containers, |name| {
        engine.stop(name, args.end.timeout, args.end.signal)?;
        output::print(&format!("{name}\n"));
        Ok(())
    })
}
