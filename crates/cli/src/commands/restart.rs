//! `wharf restart`: end containers and start them again.

use super::kill::signal;
use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;
use crate::several::each;

/// End containers and start them again
#[derive(Debug, clap::Parser)]
#[command(name = "restart")]
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
pub(crate) fn restart(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.containers, |name| {
        if let Some(started) = engine.restart(name, args.timeout, args.signal)? {
            started
                .warnings
                .iter()
                .for_each(|warning| output::warning(warning));
        }
        output::print(&format!("{name}\n"));
        Ok(())
    })
}
