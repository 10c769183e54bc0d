//! `wharf export`: write a container's files to an archive.

use std::path::PathBuf;

use super::save::to_file_or_stdout;
use crate::context::Context;
use crate::exit_code::Failure;

/// Write a container's files to an archive
#[derive(Debug, clap::Parser)]
#[command(name = "export")]
pub(crate) struct Args {
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    container: String,
}

/// Runs the verb.
pub(crate) fn export(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    to_file_or_stdout(args.output.as_deref(), |out| {
        engine.export(&args.container, out).map_err(Failure::from)
    })
}
