//! `wharf image which`: which layer brings a file.

use std::path::PathBuf;

use engine::LayerLine;
use image::{Appearance, What};
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::human;
use crate::output::{self, Format, Table};

/// Show which layer of an image brings a file, and which ones it hides
#[derive(Debug, clap::Parser)]
#[command(name = "which")]
pub(crate) struct Args {
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: Format,
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The file or directory
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

/// Runs the verb; 1 when a container of the image would see nothing there.
pub(crate) fn which(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let (layers, found) = engine.image_which(&args.image, &args.path)?;
    let line = |one: &Appearance| layers.get(one.layer).cloned();
    let lines: Vec<(Appearance, LayerLine)> = found
        .iter()
        .filter_map(|one| Some((*one, line(one)?)))
        .collect();
    let text = match args.format {
        Format::Json => lines.iter().map(as_json).collect(),
        Format::Table => table(&lines).to_string(),
    };
    let is_seen = found.iter().any(|one| one.is_seen);
    if found.is_empty() {
        return Err(Failure::usage(format!(
            "no layer of {} has {}",
            args.image,
            args.path.display()
        )));
    }
    output::print(&text);
    Ok(i32::from(!is_seen))
}

fn what(one: &Appearance) -> &'static str {
    match (one.what, one.is_seen) {
        (What::Deleted, _) => "deletes it",
        (_, false) => "hidden",
        (What::File, true) => "file",
        (What::Directory, true) => "directory",
        (What::OpaqueDirectory, true) => "directory that hides lower ones",
    }
}

fn table(lines: &[(Appearance, LayerLine)]) -> Table {
    let mut table = Table::new(&["LAYER", "DIFF ID", "WHAT", "SIZE", "CREATED BY"]);
    for (one, layer) in lines {
        let digits = layer.diff_id.strip_prefix("sha256:").unwrap_or_default();
        table.row([
            one.layer.to_string(),
            digits.get(..12).unwrap_or(digits).to_owned(),
            what(one).to_owned(),
            human::size(one.size),
            layer.created_by.replace(char::is_control, " "),
        ]);
    }
    table
}

fn as_json((one, layer): &(Appearance, LayerLine)) -> String {
    let value = json!({
        "Layer": one.layer,
        "DiffID": layer.diff_id,
        "What": what(one),
        "Seen": one.is_seen,
        "Size": one.size,
        "CreatedBy": layer.created_by,
    });
    format!("{value}\n")
}
