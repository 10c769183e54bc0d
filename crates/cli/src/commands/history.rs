//! `wharf history`: how an image came about.

use engine::HistoryLine;
use image::Platform;
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::listing::{self, Column, Format, Row};
use crate::{human, output};

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
    /// Sizes and times for people; --human=false for programs
    #[arg(short = 'H', long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    human: bool,
    /// Of the image for this platform, OS/CPU[/VARIANT]
    #[arg(long, value_name = "PLATFORM", value_parser = crate::flags::pull::platform)]
    platform: Option<Platform>,
    /// table, json, a Go template, or table and a template
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = listing::format)]
    format: Format,
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// How much of a command is shown.
const COMMAND_LENGTH: usize = 45;

const ID: Column = ("ID", "IMAGE");
const SINCE: Column = ("CreatedSince", "CREATED");
const AT: Column = ("CreatedAt", "CREATED AT");
const BY: Column = ("CreatedBy", "CREATED BY");
const SIZE: Column = ("Size", "SIZE");
const COMMENT: Column = ("Comment", "COMMENT");

/// Runs the verb.
pub(crate) fn history(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let lines = engine.history(&args.image, args.platform.as_ref())?;
    if args.quiet {
        let ids = lines.iter().map(|line| id(line, args) + "\n");
        output::print(&ids.collect::<String>());
        return Ok(0);
    }
    let (when, other) = match args.human {
        true => (SINCE, AT),
        false => (AT, SINCE),
    };
    let rows: Vec<Row> = lines.iter().map(|line| row(line, args)).collect();
    let shown = [ID, when, BY, SIZE, COMMENT];
    output::print(&listing::render(&args.format, &shown, &[other], &rows)?);
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

fn row(line: &HistoryLine, args: &Args) -> Row {
    let created = line.created.as_deref();
    Row::new(json!({
        "ID": id(line, args),
        "CreatedAt": created.map(human::whole_seconds).unwrap_or_default(),
        "CreatedSince": created.map_or_else(|| "N/A".to_owned(), human::ago),
        "CreatedBy": command(line, args),
        "Size": match args.human {
            true => human::size(line.size),
            false => line.size.to_string(),
        },
        "Comment": line.comment,
    }))
}
