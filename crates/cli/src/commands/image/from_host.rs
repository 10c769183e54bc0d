//! `wharf image from-host`: make an image from the host's files.

use std::path::PathBuf;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;

/// Make an image from programs of the host and the libraries they need
#[derive(Debug, clap::Parser)]
#[command(name = "from-host")]
pub(crate) struct Args {
    /// Its name
    #[arg(short, long, value_name = "NAME[:TAG]")]
    tag: String,
    /// Add a file or directory as it is
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// Programs; the first one is what the image runs
    #[arg(value_name = "PROGRAM", required = true)]
    programs: Vec<PathBuf>,
}

/// Runs the verb.
pub(crate) fn from_host(args: &Args, context: &Context) -> Result<i32, Failure> {
    let epoch = context.epoch()?;
    let id = context
        .engine()?
        .image_from_host(&args.programs, &args.with, &args.tag, epoch)?;
    output::print(&format!("{id}\n"));
    Ok(0)
}
