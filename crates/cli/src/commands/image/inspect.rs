//! `wharf image inspect`: show everything about images, as JSON in Docker's shape.

use image::Platform;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::inspected::{Format, format, show};

/// Show everything about images
#[derive(Debug, clap::Parser)]
#[command(name = "inspect")]
pub(crate) struct Args {
    /// json for one line, or a Go template
    #[arg(short, long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// About the images for this platform, OS/CPU[/VARIANT]
    #[arg(long, value_name = "PLATFORM", value_parser = crate::flags::pull::platform)]
    platform: Option<Platform>,
    /// Names or ids
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// Runs the verb.
pub(crate) fn inspect(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    show(&args.images, args.format.as_ref(), |name| {
        engine.inspect_image(name, args.platform.as_ref())
    })
}
