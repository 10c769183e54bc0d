//! `wharf history`: how an image came about.

use engine::HistoryLine;
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::human;
use crate::output::{self, Format, Table};

/// Show how an image came about, the last step first
#[derive(Debug, clap::Parser)]
#[command(name = "history")]
pub(crate) struct Args {
    /// Only the ids
    #[arg(short, long)]
    quiet: bool,
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// Sizes and times for people
    #[arg(short = 'H', long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    human: bool,
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
pub(crate) fn history(args: &Args, context: &Context) -> Result<i32, Failure> {
    let lines = context.engine()?.history(&args.image)?;
    let text: String = match (args.quiet, args.format) {
        (true, _) => lines.iter().map(|line| id(line, args) + "\n").collect(),
        (_, Format::Json) => lines.iter().map(|line| as_json(line, args)).collect(),
        (_, Format::Table) => table(&lines, args).to_string(),
    };
    output::print(&text);
    Ok(0)
}

fn id(line: &HistoryLine, args: &Args) -> String {
    let Some(id) = &line.id else {
        return "<missing>".to_owned();
    };
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    match args.no_trunc {
        true => id.clone(),
        false => digits.get(..12).unwrap_or(digits).to_owned(),
    }
}

fn command(line: &HistoryLine, args: &Args) -> String {
    let text = line.created_by.replace(char::is_control, " ");
    if args.no_trunc || text.chars().count() <= COMMAND_LENGTH {
        return text;
    }
    let start: String = text.chars().take(COMMAND_LENGTH - 1).collect();
    format!("{start}\u{2026}")
}

fn created(line: &HistoryLine, args: &Args) -> String {
    let created = line.created.as_deref();
    match args.human {
        true => created.map_or_else(|| "N/A".to_owned(), human::ago),
        false => created.unwrap_or_default().to_owned(),
    }
}

fn size(line: &HistoryLine, args: &Args) -> String {
    match args.human {
        true => human::size(line.size),
        false => line.size.to_string(),
    }
}

fn table(lines: &[HistoryLine], args: &Args) -> Table {
    let when = if args.human { "CREATED" } else { "CREATED AT" };
    let mut table = Table::new(&["IMAGE", when, "CREATED BY", "SIZE", "COMMENT"]);
    for line in lines {
        table.row([
            id(line, args),
            created(line, args),
            command(line, args),
            size(line, args),
            line.comment.clone(),
        ]);
    }
    table
}

fn as_json(line: &HistoryLine, args: &Args) -> String {
    let value = json!({
        "ID": id(line, args),
        "CreatedAt": line.created,
        "CreatedSince": line.created.as_deref().map(human::ago),
        "CreatedBy": command(line, args),
        "Size": size(line, args),
        "Comment": line.comment,
    });
    format!("{value}\n")
}
