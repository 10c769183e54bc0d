//! `wharf restart`: end containers and start them again.

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::stop::StopFlags;
use crate::output;
use crate::several::each;

/// End containers and start them again
#[derive(Debug, clap::Parser)]
#[command(name = "restart")]
pub(crate) struct Args {
    #[command(flatten)]
    end: StopFlags,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn restart(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.containers, |name| {
        if let Some(started) = engine.restart(name, args.end.timeout, args.end.signal)? {
            started
                .warnings
                .iter()
                .for_each(|warning| output::warning(warning));
        }
        output::print(&format!("{name}\n"));
        Ok(())
    })
}
