//! `wharf kill`: send a signal to containers.

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::stop::signal;
use crate::output;
use crate::several::each;

/// Send a signal to containers
#[derive(Debug, clap::Parser)]
#[command(name = "kill")]
pub(crate) struct Args {
    /// Name or number
    #[arg(short, long, default_value = "KILL", value_parser = signal)]
    signal: i32,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn kill(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.containers, |name| {
        engine.kill(name, args.signal)?;
        output::print(&format!("{name}\n"));
        Ok(())
    })
}
