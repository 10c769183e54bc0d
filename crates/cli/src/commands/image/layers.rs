//! `wharf image layers`: what each layer of an image does.

use engine::LayerLine;
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::human;
use crate::output::{self, Format, Table};

/// Show what each layer of an image adds, changes, deletes and hides, the lowest first
#[derive(Debug, clap::Parser)]
#[command(name = "layers")]
pub(crate) struct Args {
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: Format,
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// How much of a command is shown.
const COMMAND_LENGTH: usize = 45;

/// Runs the verb.
pub(crate) fn layers(args: &Args, context: &Context) -> Result<i32, Failure> {
    let layers = context.engine()?.image_layers(&args.image)?;
    let text = match args.format {
        Format::Json => layers.iter().enumerate().map(as_json).collect(),
        Format::Table => table(&layers, args).to_string(),
    };
    output::print(&text);
    Ok(0)
}

fn table(layers: &[LayerLine], args: &Args) -> Table {
    let header = [
        "LAYER",
        "DIFF ID",
        "SIZE",
        "ADDED",
        "CHANGED",
        "DELETED",
        "HIDDEN",
        "CREATED BY",
    ];
    let mut table = Table::new(&header);
    for (number, layer) in layers.iter().enumerate() {
        let digits = layer.diff_id.strip_prefix("sha256:").unwrap_or_default();
        let mut command = layer.created_by.replace(char::is_control, " ");
        if !args.no_trunc && command.chars().count() > COMMAND_LENGTH {
            command = command.chars().take(COMMAND_LENGTH - 1).collect();
            command.push('\u{2026}');
        }
        table.row([
            number.to_string(),
            match args.no_trunc {
                true => layer.diff_id.clone(),
                false => digits.get(..12).unwrap_or(digits).to_owned(),
            },
            human::size(layer.effect.size),
            layer.effect.added.to_string(),
            layer.effect.changed.to_string(),
            layer.effect.deleted.to_string(),
            human::size(layer.effect.hidden),
            command,
        ]);
    }
    table
}

fn as_json((number, layer): (usize, &LayerLine)) -> String {
    let value = json!({
        "Layer": number,
        "DiffID": layer.diff_id,
        "Size": layer.effect.size,
        "ArchiveSize": layer.archive,
        "Added": layer.effect.added,
        "Changed": layer.effect.changed,
        "Deleted": layer.effect.deleted,
        "Hidden": layer.effect.hidden,
        "CreatedBy": layer.created_by,
    });
    format!("{value}\n")
}
