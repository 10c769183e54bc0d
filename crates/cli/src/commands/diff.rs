//! `wharf diff`: what a container changed.

use engine::ContainerChange;
use image::ChangeKind;
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::human;
use crate::output::{self, Format, Table};

/// Show what a container changed in its root: A added, C changed, D deleted
#[derive(Debug, clap::Parser)]
#[command(name = "diff")]
pub(crate) struct Args {
    /// What each file takes on the disk, and which were copied from the image as a whole
    #[arg(short, long)]
    size: bool,
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: Format,
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    container: String,
}

/// Runs the verb.
pub(crate) fn diff(args: &Args, context: &Context) -> Result<i32, Failure> {
    let changes = context.engine()?.diff(&args.container)?;
    let text: String = match (args.format, args.size) {
        (Format::Json, _) => changes.iter().map(as_json).collect(),
        (Format::Table, false) => changes.iter().map(line).collect(),
        (Format::Table, true) => table(&changes).to_string(),
    };
    output::print(&text);
    Ok(0)
}

fn letter(change: &ContainerChange) -> &'static str {
    match change.kind {
        ChangeKind::Added => "A",
        ChangeKind::Changed => "C",
        ChangeKind::Deleted => "D",
    }
}

fn line(change: &ContainerChange) -> String {
    format!("{} {}\n", letter(change), change.path.display())
}

fn table(changes: &[ContainerChange]) -> Table {
    let mut table = Table::new(&["KIND", "SIZE", "COPIED UP", "PATH"]);
    for change in changes {
        table.row([
            letter(change).to_owned(),
            human::size(change.cost),
            if change.copied_up { "yes" } else { "" }.to_owned(),
            change.path.display().to_string(),
        ]);
    }
    let total = changes.iter().map(|change| change.cost).sum();
    table.row([
        String::new(),
        human::size(total),
        String::new(),
        "total".to_owned(),
    ]);
    table
}

fn as_json(change: &ContainerChange) -> String {
    let value = json!({
        "Kind": letter(change),
        "Path": change.path,
        "Size": change.cost,
        "CopiedUp": change.copied_up,
    });
    format!("{value}\n")
}
