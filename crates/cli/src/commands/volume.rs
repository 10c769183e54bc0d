//! `wharf volume …`: make, list, show and remove volumes.

use clap::CommandFactory;
use engine::VolumeRecord;
use serde_json::json;

use super::prune::deleted;
use crate::confirm::confirmed;
use crate::context::Context;
use crate::dispatch::with;
use crate::exit_code::Failure;
use crate::filter::{Filters, name_matches};
use crate::flags::environment;
use crate::listing::{self, Column, Format, Row};
use crate::several::each;
use crate::{human, inspected, output};

/// Make, list, show and remove volumes
#[derive(Debug, clap::Parser)]
#[command(name = "volume", subcommand_required = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a volume
    Create(Create),
    /// Show everything about volumes
    Inspect(Inspect),
    /// List volumes
    #[command(visible_alias = "list")]
    Ls(List),
    /// Remove all volumes that nobody uses
    Prune(Prune),
    /// Remove volumes
    #[command(visible_alias = "remove")]
    Rm(Remove),
}

/// Make a volume
#[derive(Debug, clap::Parser)]
#[command(name = "create")]
struct Create {
    /// Always local
    #[arg(short, long, value_name = "DRIVER", default_value = "local", value_parser = ["local"])]
    driver: String,
    /// Label it, NAME=VALUE
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// Its name; one is made up without
    name: Option<String>,
}

/// Show everything about volumes
#[derive(Debug, clap::Parser)]
#[command(name = "inspect")]
struct Inspect {
    /// json for one line, or a Go template
    #[arg(short, long, value_name = "FORMAT", value_parser = inspected::format)]
    format: Option<inspected::Format>,
    /// Names
    #[arg(value_name = "VOLUME", required = true)]
    volumes: Vec<String>,
}

/// List volumes
#[derive(Debug, clap::Parser)]
#[command(name = "ls")]
struct List {
    /// Only those that meet a condition: dangling=true|false, driver, label or name
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// table, json, a Go template, or table and a template
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = listing::format)]
    format: Format,
    /// Only the names
    #[arg(short, long)]
    quiet: bool,
}

/// Remove all volumes that nobody uses
#[derive(Debug, clap::Parser)]
#[command(name = "prune")]
struct Prune {
    /// Those with a name too
    #[arg(short, long)]
    all: bool,
    /// Only those that meet a condition: label=NAME=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Remove volumes
#[derive(Debug, clap::Parser)]
#[command(name = "rm")]
struct Remove {
    /// One that does not exist is no error
    #[arg(short, long)]
    force: bool,
    /// Names
    #[arg(value_name = "VOLUME", required = true)]
    volumes: Vec<String>,
}

const SHOWN: [Column; 2] = [("Driver", "DRIVER"), ("Name", "VOLUME NAME")];

const OTHERS: [Column; 5] = [
    ("Labels", "LABELS"),
    ("Label", "LABEL"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Scope", "SCOPE"),
    ("Links", "LINKS"),
];

/// Runs the verb in the first word.
pub(crate) fn volume(words: &[String], context: &Context) -> Result<i32, Failure> {
    let (verb, rest) = words
        .split_first()
        .map_or(("", words), |(verb, rest)| (verb.as_str(), rest));
    match verb {
        "create" => with("volume create", rest, |args| create(args, context)),
        "inspect" => with("volume inspect", rest, |args| inspect(&args, context)),
        "ls" | "list" => with("volume ls", rest, |args| list(&args, context)),
        "prune" => with("volume prune", rest, |args| prune(&args, context)),
        "rm" | "remove" => with("volume rm", rest, |args| remove(&args, context)),
        "" | "--help" | "-h" => {
            let mut command = Args::command().bin_name("wharf volume");
            output::print(&command.render_help().to_string());
            Ok(0)
        }
        other => Err(Failure::usage(format!(
            "unknown command: volume {other}\nSee 'wharf volume --help'."
        ))),
    }
}

fn create(args: Create, context: &Context) -> Result<i32, Failure> {
    let labels = environment::labels(&args.label).map_err(Failure::usage)?;
    let (volume, _) = context
        .engine()?
        .create_volume(args.name.as_deref(), labels)?;
    output::print(&format!("{}\n", volume.name));
    Ok(0)
}

fn inspect(args: &Inspect, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    inspected::show(&args.volumes, args.format.as_ref(), |name| {
        engine.volume(name)
    })
}

fn list(args: &List, context: &Context) -> Result<i32, Failure> {
    let keys = ["dangling", "driver", "label", "label!", "name"];
    let filters = Filters::parse(&args.filter, &keys).map_err(Failure::usage)?;
    filters.require_truth("dangling").map_err(Failure::usage)?;
    let mut volumes = context.engine()?.volumes()?;
    volumes.retain(|(volume, users)| {
        let dangling = users.is_empty();
        filters.meets("dangling", |value| {
            (value == "true" || value == "1") == dangling
        }) && filters.meets("driver", |value| value == volume.driver)
            && filters.meets("name", |value| name_matches(value, &volume.name))
            && filters.meets_labels(&volume.labels)
    });
    if args.quiet {
        let names = volumes
            .iter()
            .map(|(volume, _)| format!("{}\n", volume.name));
        output::print(&names.collect::<String>());
        return Ok(0);
    }
    let rows: Vec<Row> = volumes
        .iter()
        .map(|(volume, users)| row(volume, users))
        .collect();
    output::print(&listing::render(&args.format, &SHOWN, &OTHERS, &rows)?);
    Ok(0)
}

fn row(volume: &VolumeRecord, users: &[String]) -> Row {
    let labels = volume.labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Row {
        fields: json!({
            "Driver": volume.driver,
            "Labels": labels.join(","),
            "Links": users.len().to_string(),
            "Mountpoint": volume.mountpoint,
            "Name": volume.name,
            "Scope": volume.scope,
        }),
        more: json!({ "Label": volume.labels }),
    }
}

fn remove(args: &Remove, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.volumes, |name| {
        match engine.remove_volume(name) {
            Ok(()) => output::print(&format!("{name}\n")),
            Err(engine::Error::NoSuchVolume { .. }) if args.force => {}
            Err(error) => return Err(error),
        }
        Ok(())
    })
}

fn prune(args: &Prune, context: &Context) -> Result<i32, Failure> {
    let keys = ["label", "label!"];
    let filters = Filters::parse(&args.filter, &keys).map_err(Failure::usage)?;
    let which = if args.all {
        "all local volumes not used by at least one container"
    } else {
        "anonymous local volumes not used by at least one container"
    };
    if !args.force && !confirmed(&format!("This will remove {which}."))? {
        return Ok(0);
    }
    let (removed, freed) = context.engine()?.prune_volumes(|volume| {
        (args.all || volume.anonymous) && filters.meets_labels(&volume.labels)
    })?;
    output::print(&format!(
        "{}Total reclaimed space: {}\n",
        deleted("Volumes", &removed),
        human::size(freed)
    ));
    Ok(0)
}
