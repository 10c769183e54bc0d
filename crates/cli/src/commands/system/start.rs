//! `wharf system start`: what a machine runs once after it came up.

use crate::context::Context;
use crate::error_text::sentence;
use crate::exit_code::Failure;
use crate::output;

/// Start the containers whose restart policy asks for it, as after a boot
#[derive(Debug, clap::Parser)]
#[command(name = "start")]
pub(super) struct Args {}

/// Runs the verb.
pub(super) fn start(_args: &Args, context: &Context) -> Result<i32, Failure> {
    let mut code = 0;
    for container in context.engine()?.start_after_boot()? {
        match container.outcome {
            Ok(()) => output::print(&format!("{}\n", container.name)),
            Err(error) => {
                output::error(&sentence(&error));
                code = 1;
            }
        }
    }
    Ok(code)
}
