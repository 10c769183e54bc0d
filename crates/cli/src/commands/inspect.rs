//! `wharf inspect`: show everything about containers, as JSON in Docker's shape.

use serde_json::Value;

use crate::context::Context;
use crate::error_text::sentence;
use crate::exit_code::Failure;
use crate::output;
use crate::template::Template;

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

#[derive(Debug, Clone, PartialEq)]
enum Format {
    Json,
    Template(Template),
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "json" => Ok(Format::Json),
        _ => {
            let text = text.replace("\\t", "\t").replace("\\n", "\n");
            Template::parse(&text).map(Format::Template)
        }
    }
}

/// Runs the verb.
pub(crate) fn inspect(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let failed = |error| Failure::usage(format!("writing JSON: {error}"));
    let mut found: Vec<Value> = Vec::new();
    let mut code = 0;
    for name in &args.containers {
        match engine.inspect(name, args.size) {
            Ok(inspection) => found.push(serde_json::to_value(inspection).map_err(failed)?),
            Err(error) => {
                output::error(&sentence(&error));
                code = 1;
            }
        }
    }
    let text = match &args.format {
        Some(Format::Template(template)) => {
            let lines = found
                .iter()
                .map(|value| template.render(value, &Value::Null));
            let lines = lines.map(|line| Ok(line.map_err(Failure::usage)? + "\n"));
            output::print(&lines.collect::<Result<String, Failure>>()?);
            return Ok(code);
        }
        Some(Format::Json) => serde_json::to_string(&found),
        None => serde_json::to_string_pretty(&found),
    };
    output::print(&format!("{}\n", text.map_err(failed)?));
    Ok(code)
}
