//! `wharf image du`: what takes room in an image.

use image::{Large, Usage};
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::human;
use crate::output::{self, Format, Table};

/// Show the largest files and directories of an image, and the bytes that layers waste
#[derive(Debug, clap::Parser)]
#[command(name = "du")]
pub(crate) struct Args {
    /// How many of each
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10,
          value_parser = crate::flags::number::count::<usize>)]
    number: usize,
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: Format,
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// Runs the verb.
pub(crate) fn du(args: &Args, context: &Context) -> Result<i32, Failure> {
    let usage = context.engine()?.image_usage(&args.image, args.number)?;
    let text = match args.format {
        Format::Json => as_json(&usage),
        Format::Table => table(&usage),
    };
    output::print(&text);
    Ok(0)
}

fn table(usage: &Usage) -> String {
    let mut table = Table::new(&["SIZE", "LAYER", "PATH"]);
    for one in usage.directories.iter().chain(&usage.files) {
        let slash = if one.is_directory { "/" } else { "" };
        table.row([
            human::size(one.size),
            one.layer.to_string(),
            format!("{}{slash}", one.path.display()),
        ]);
    }
    format!(
        "{table}\nSeen: {}   Wasted: {}\n",
        human::size(usage.seen),
        human::size(usage.wasted)
    )
}

fn as_json(usage: &Usage) -> String {
    let list = |all: &[Large]| -> Vec<serde_json::Value> {
        let one = |one: &Large| json!({"Path": one.path, "Size": one.size, "Layer": one.layer});
        all.iter().map(one).collect()
    };
    let value = json!({
        "Files": list(&usage.files),
        "Directories": list(&usage.directories),
        "Seen": usage.seen,
        "Wasted": usage.wasted,
    });
    format!("{value}\n")
}
