//! `wharf tag`: give an image a further name.

use crate::context::Context;
use crate::exit_code::Failure;

/// Give an image a further name
#[derive(Debug, clap::Parser)]
#[command(name = "tag")]
pub(crate) struct Args {
    /// The image
    #[arg(value_name = "SOURCE_IMAGE[:TAG]")]
    source: String,
    /// The name
    #[arg(value_name = "TARGET_IMAGE[:TAG]")]
    target: String,
}

/// Runs the verb.
pub(crate) fn tag(args: &Args, context: &Context) -> Result<i32, Failure> {
    context.engine()?.tag(&args.source, &args.target)?;
    Ok(0)
}
