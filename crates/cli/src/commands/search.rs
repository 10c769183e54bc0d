//! `wharf search`: what a registry offers.

use serde_json::json;

use crate::context::Context;
use crate::error_text::sentence;
use crate::exit_code::Failure;
use crate::flags::registry::RegistryFlags;
use crate::output::{self, Format, Table};

/// Search a registry for images
#[derive(Debug, clap::Parser)]
#[command(name = "search")]
pub(crate) struct Args {
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 25)]
    limit: u32,
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// How registries are reached
    #[command(flatten)]
    registry: RegistryFlags,
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: Format,
    /// A word, with the registry before it if it is not Docker's
    #[arg(value_name = "[REGISTRY/]TERM")]
    term: String,
}

const DESCRIPTION_LENGTH: usize = 45;

/// Runs the verb.
pub(crate) fn search(args: &Args, context: &Context) -> Result<i32, Failure> {
    let (registry, term) = match args.term.split_once('/') {
        Some((host, term)) if host.contains(['.', ':']) || host == "localhost" => (host, term),
        _ => ("docker.io", args.term.as_str()),
    };
    let settings = args.registry.settings(context);
    let found = settings
        .search(registry, term, args.limit)
        .map_err(|error| Failure::usage(sentence(&error)))?;
    if args.format == Format::Json {
        for result in &found {
            let value = json!({
                "Name": result.name,
                "Description": result.description,
                "StarCount": result.star_count,
                "IsOfficial": result.is_official,
            });
            output::print(&format!("{value}\n"));
        }
        return Ok(0);
    }
    let mut table = Table::new(&["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]);
    for result in found {
        let mut description = result.description.replace(char::is_control, " ");
        if !args.no_trunc && description.chars().count() > DESCRIPTION_LENGTH {
            description = description.chars().take(DESCRIPTION_LENGTH - 1).collect();
            description.push('\u{2026}');
        }
        let official = if result.is_official { "[OK]" } else { "" };
        table.row([
            result.name,
            description,
            result.star_count.to_string(),
            official.to_owned(),
        ]);
    }
    output::print(&table.to_string());
    Ok(0)
}
