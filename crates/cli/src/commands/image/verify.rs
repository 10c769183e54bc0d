//! `wharf image verify`: whether an image is what its digests say.

use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output::{self, Format, Table};

/// Read all parts of an image and compare them with their digests
#[derive(Debug, clap::Parser)]
#[command(name = "verify")]
pub(crate) struct Args {
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: Format,
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// Runs the verb; 1 when something is damaged.
pub(crate) fn verify(args: &Args, context: &Context) -> Result<i32, Failure> {
    let parts = context.engine()?.verify_image(&args.image)?;
    let mut table = Table::new(&["PART", "DIGEST", "STATE"]);
    for part in &parts {
        let state = part.problem.as_deref().unwrap_or("good");
        if args.format == Format::Json {
            let value = json!({
                "Part": part.part,
                "Digest": part.digest.to_string(),
                "State": state,
                "Good": part.problem.is_none(),
            });
            output::print(&format!("{value}\n"));
        }
        table.row([
            part.part.to_owned(),
            part.digest.to_string(),
            state.to_owned(),
        ]);
    }
    if args.format == Format::Table {
        output::print(&table.to_string());
    }
    Ok(i32::from(parts.iter().any(|part| part.problem.is_some())))
}
