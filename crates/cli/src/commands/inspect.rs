//! `wharf inspect`: show everything about containers, as JSON in Docker's shape.

use crate::context::Context;
use crate::exit_code::Failure;
use crate::inspected::{Format, format, show};

/// Show everything about containers
#[derive(Debug, clap::Parser)]
#[command(name = "inspect")]
pub(crate) struct Args {
    /// json for one line, or a Go template
    #[arg(short, long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// How much it has written too
    #[arg(short, long)]
    size: bool,
    /// What sort of object is meant; there are only containers here
    #[arg(long, value_name = "TYPE", value_parser = ["container"])]
    r#type: Option<String>,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn inspect(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    show(&args.containers, args.format.as_ref(), |name| {
        engine.inspect(name, args.size)
    })
}
