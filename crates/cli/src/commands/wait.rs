//! `wharf wait`: wait for the end of containers and print their exit codes.

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;
use crate::several::each;

/// Wait for the end of containers, then print their exit codes
#[derive(Debug, clap::Parser)]
#[command(name = "wait")]
pub(crate) struct Args {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn wait(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.containers, |name| {
        let code = engine.wait(name)?;
        output::print(&format!("{code}\n"));
        Ok(())
    })
}
