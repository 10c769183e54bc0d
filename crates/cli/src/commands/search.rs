//! `wharf search`: what a registry offers.

use image::registry::SearchResult;
use serde_json::json;

use crate::context::Context;
use crate::error_text::sentence;
use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::flags::number;
use crate::flags::registry::RegistryFlags;
use crate::listing::{self, Column, Format, Row};
use crate::output;

/// Search a registry for images
#[derive(Debug, clap::Parser)]
#[command(name = "search")]
pub(crate) struct Args {
    /// Only those that meet a condition: stars=NUMBER or is-official=true|false
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 25, value_parser = number::within(1..=100_u32))]
    limit: u32,
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// How registries are reached
    #[command(flatten)]
    registry: RegistryFlags,
    /// table, json, a Go template, or table and a template
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = listing::format)]
    format: Format,
    /// A word, with the registry before it if it is not Docker's
    #[arg(value_name = "[REGISTRY/]TERM")]
    term: String,
}

const DESCRIPTION_LENGTH: usize = 45;

const SHOWN: [Column; 4] = [
    ("Name", "NAME"),
    ("Description", "DESCRIPTION"),
    ("StarCount", "STARS"),
    ("IsOfficial", "OFFICIAL"),
];

/// Runs the verb.
pub(crate) fn search(args: &Args, context: &Context) -> Result<i32, Failure> {
    let filters = Filters::parse(&args.filter, &["stars", "is-official"]);
    let filters = filters.map_err(Failure::usage)?;
    filters
        .require_truth("is-official")
        .map_err(Failure::usage)?;
    let fewest = filters.values("stars").first().map(|text| text.parse());
    let fewest: u64 = fewest
        .unwrap_or(Ok(0))
        .map_err(|_| Failure::usage("invalid filter stars: expected a number of stars"))?;
    let (registry, term) = match args.term.split_once('/') {
        Some((host, term)) if host.contains(['.', ':']) || host == "localhost" => (host, term),
        _ => ("docker.io", args.term.as_str()),
    };
    let settings = args.registry.settings(context);
    let mut found = settings
        .search(registry, term, args.limit)
        .map_err(|error| Failure::usage(sentence(&error)))?;
    found.retain(|result| {
        result.star_count >= fewest
            && filters.meets("is-official", |value| {
                (value == "true" || value == "1") == result.is_official
            })
    });
    let rows: Vec<Row> = found.iter().map(|result| row(result, args)).collect();
    output::print(&listing::render(&args.format, &SHOWN, &[], &rows)?);
    Ok(0)
}

fn row(result: &SearchResult, args: &Args) -> Row {
    let mut description = result.description.replace(char::is_control, " ");
    if !args.no_trunc && description.chars().count() > DESCRIPTION_LENGTH {
        description = description.chars().take(DESCRIPTION_LENGTH - 1).collect();
        description.push('\u{2026}');
    }
    Row::new(json!({
        "Name": result.name,
        "Description": description,
        "StarCount": result.star_count.to_string(),
        "IsOfficial": match (&args.format, result.is_official) {
            (Format::Json, official) => official.to_string(),
            (_, true) => "[OK]".to_owned(),
            (_, false) => String::new(),
        },
    }))
}
