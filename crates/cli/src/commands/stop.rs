//! `wharf stop`: end containers, gently first.

use super::kill::signal;
use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;
use crate::several::each;

/// End containers, gently first
#[derive(Debug, clap::Parser)]
#[command(name = "stop")]
pub(crate) struct Args {
    /// Signal that asks them to end
    #[arg(short, long, value_name = "SIGNAL", value_parser = signal)]
    signal: Option<i32>,
    /// Seconds until they are killed; -1 for never
    #[arg(
        short = 't',
        long = "timeout",
        visible_alias = "time",
        value_name = "SECONDS",
        allow_hyphen_values = true
    )]
    timeout: Option<i64>,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn stop(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.containers, |name| {
        engine.stop(name, args.timeout, args.signal)?;
        output::print(&format!("{name}\n"));
        Ok(())
    })
}
