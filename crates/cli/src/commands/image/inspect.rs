//! `wharf image inspect`: show everything about images, as JSON in Docker's shape.

use crate::context::Context;
use crate::error_text::sentence;
use crate::exit_code::Failure;
use crate::output::{self, Format};

/// Show everything about images
#[derive(Debug, clap::Parser)]
#[command(name = "inspect")]
pub(crate) struct Args {
    /// json, or json in one line
    #[arg(short, long, value_name = "FORMAT", value_parser = crate::output::format)]
    format: Option<Format>,
    /// Names or ids
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// Runs the verb.
pub(crate) fn inspect(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let mut found = Vec::new();
    let mut code = 0;
    for name in &args.images {
        match engine.inspect_image(name) {
            Ok(inspection) => found.push(inspection),
            Err(error) => {
                output::error(&sentence(&error));
                code = 1;
            }
        }
    }
    let text = match args.format {
        Some(Format::Json) => serde_json::to_string(&found),
        Some(Format::Table) => {
            return Err(Failure::usage(
                "the format \"table\" is not supported here: json",
            ));
        }
        None => serde_json::to_string_pretty(&found),
    };
    let text = text.map_err(|error| Failure::usage(format!("writing JSON: {error}")))?;
    output::print(&format!("{text}\n"));
    Ok(code)
}
