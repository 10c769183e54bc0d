//! `wharf inspect`: show everything about containers, as JSON in Docker's shape.

use engine::Inspection;

use crate::context::Context;
use crate::error_text::sentence;
use crate::exit_code::Failure;
use crate::output;

/// Show everything about containers
#[derive(Debug, clap::Parser)]
#[command(name = "inspect")]
pub(crate) struct Args {
    /// json, or json in one line
    #[arg(short, long, value_name = "FORMAT", value_parser = crate::output::format)]
    format: Option<crate::output::Format>,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn inspect(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let mut found: Vec<Inspection> = Vec::new();
    let mut code = 0;
    for name in &args.containers {
        match engine.inspect(name) {
            Ok(inspection) => found.push(inspection),
            Err(error) => {
                output::error(&sentence(&error));
                code = 1;
            }
        }
    }
    let failed = |error| Failure::usage(format!("writing JSON: {error}"));
    let text = match args.format {
        Some(crate::output::Format::Table) => {
            return Err(Failure::usage(
                "the format \"table\" is not supported here: json",
            ));
        }
        Some(crate::output::Format::Json) => serde_json::to_string(&found),
        None => serde_json::to_string_pretty(&found),
    };
    output::print(&format!("{}\n", text.map_err(failed)?));
    Ok(code)
}
