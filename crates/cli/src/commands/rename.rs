//! `wharf rename`: give a container another name.

use crate::context::Context;
use crate::exit_code::Failure;

/// Give a container another name
#[derive(Debug, clap::Parser)]
#[command(name = "rename")]
pub(crate) struct Args {
    /// Name or id
    container: String,
    /// The new name
    #[arg(allow_hyphen_values = true)]
    name: String,
}

/// Runs the verb.
pub(crate) fn rename(args: Args, context: &Context) -> Result<i32, Failure> {
    context.engine()?.rename(&args.container, &args.name)?;
    Ok(0)
}
