//! `wharf ps`: list containers.

use engine::{Engine, Live, Port, Record, Status, Sweep};
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::filter::{Filters, name_matches};
use crate::flags::number;
use crate::listing::{self, Column, Format, Row};
use crate::{human, output};

/// List containers
#[derive(Debug, clap::Parser)]
#[command(name = "ps")]
pub(crate) struct Args {
    /// Those that do not run too
    #[arg(short, long)]
    all: bool,
    /// Only those that meet a condition, such as status=exited or label=NAME=VALUE
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// table, json, a Go template, or table and a template
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = listing::format)]
    format: Format,
    /// The newest, whether they run or not
    #[arg(short = 'n', long, value_name = "NUMBER", allow_hyphen_values = true, value_parser = number::whole)]
    last: Option<i64>,
    /// The newest one, whether it runs or not
    #[arg(short, long)]
    latest: bool,
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// Only the ids
    #[arg(short, long)]
    quiet: bool,
    /// How much each has written
    #[arg(short, long)]
    size: bool,
}

const SHOWN: [Column; 7] = [
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("RunningFor", "CREATED"),
    ("Status", "STATUS"),
    ("Ports", "PORTS"),
    ("Names", "NAMES"),
];

const OTHERS: [Column; 9] = [
    ("CreatedAt", "CREATED AT"),
    ("State", "STATE"),
    ("Size", "SIZE"),
    ("Labels", "LABELS"),
    ("Label", "LABEL"),
    ("Mounts", "MOUNTS"),
    ("Networks", "NETWORKS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("ReachedFrom", "REACHED FROM"),
];

const KEYS: [&str; 15] = [
    "health", "id", "name", "label", "label!", "exited", "status", "ancestor", "before", "since",
    "volume", "network", "publish", "expose", "is-task",
];

const STATUSES: [&str; 7] = [
    "created",
    "running",
    "paused",
    "restarting",
    "removing",
    "exited",
    "dead",
];

/// Runs the verb.
pub(crate) fn ps(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let filters = filters(&args.filter).map_err(Failure::usage)?;
    // As Docker, a number below 1 is no limit.
    let last = args.last.and_then(|last| usize::try_from(last).ok());
    let limit = last.filter(|last| *last > 0).or(args.latest.then_some(1));
    // What is asked for by its status is shown in that status.
    let all = args.all || limit.is_some() || filters.has("status") || filters.has("exited");
    if all {
        engine.sweep(Sweep::All);
    }
    let border = |key: &str| -> Result<Option<String>, Failure> {
        let name = filters.values(key).first();
        Ok(name
            .map(|name| engine.find(name))
            .transpose()?
            .map(|record| record.created))
    };
    let (before, since) = (border("before")?, border("since")?);
    let mut containers = engine.list(all)?;
    containers.retain(|(record, live)| {
        before
            .as_ref()
            .is_none_or(|border| record.created < *border)
            && since.as_ref().is_none_or(|border| record.created > *border)
            && meets(&filters, record, live)
    });
    containers.truncate(limit.unwrap_or(usize::MAX));
    let rows: Vec<Row> = containers
        .iter()
        .map(|(record, live)| row(record, live, &args, &engine))
        .collect();
    if args.quiet {
        let ids = containers
            .iter()
            .map(|(record, _)| id(record, &args) + "\n");
        output::print(&ids.collect::<String>());
        return Ok(0);
    }
    let mut shown = SHOWN.to_vec();
    if args.size {
        shown.push(("Size", "SIZE"));
    }
    output::print(&listing::render(&args.format, &shown, &OTHERS, &rows)?);
    Ok(0)
}

/// The conditions, each with a value that a container can have.
fn filters(flags: &[String]) -> Result<Filters, String> {
    let filters = Filters::parse(flags, &KEYS)?;
    filters.require_word("status", &STATUSES)?;
    filters.require_word("health", &["none", "starting", "healthy", "unhealthy"])?;
    filters.require("exited", "an exit code", |value| {
        value.parse::<i32>().is_ok()
    })?;
    filters.require_truth("is-task")?;
    for key in ["publish", "expose"] {
        let expected = "PORT[-PORT][/tcp|udp|sctp]";
        filters.require(key, expected, |value| engine::parse_ports(value).is_ok())?;
    }
    Ok(filters)
}

fn meets(filters: &Filters, record: &Record, live: &Live) -> bool {
    let networks = record.network_names();
    let exited = live.exit.as_ref().filter(|_| live.status == Status::Exited);
    let is_image = |wanted: &str| {
        let id = record
            .image
            .as_ref()
            .map(|image| image.id.as_str())
            .unwrap_or_default();
        let digits = id.split_once(':').map_or(id, |(_, digits)| digits);
        let origin = record.origin();
        origin == wanted
            || origin.strip_suffix(":latest") == Some(wanted)
            || wanted.strip_suffix(":latest") == Some(&origin)
            || !digits.is_empty() && wanted.len() >= 4 && digits.starts_with(wanted)
    };
    filters.meets("id", |value| record.id.starts_with(value))
        && filters.meets("name", |value| name_matches(value, &record.name))
        && filters.meets("exited", |value| {
            exited.is_some_and(|exit| value == exit.code.to_string())
        })
        && filters.meets("status", |value| live.status.name() == value)
        && filters.meets("health", |value| {
            let health = live.health.as_ref().map_or("none", |health| &health.status);
            value == health
        })
        && filters.meets("ancestor", is_image)
        && filters.meets("network", |value| networks.iter().any(|name| name == value))
        && filters.meets("volume", |value| has_volume(record, value))
        && filters.meets("publish", |value| is_published(record, value))
        && filters.meets("expose", |value| is_exposed(record, value))
        // Nothing here belongs to a service.
        && filters.meets("is-task", |value| value == "false" || value == "0")
        && filters.meets_labels(&record.process.labels)
}

fn has_volume(record: &Record, wanted: &str) -> bool {
    let mut volumes = record.config.volumes.iter();
    volumes.any(|volume| volume.source.as_os_str() == wanted || volume.target.as_os_str() == wanted)
}

fn is_published(record: &Record, wanted: &str) -> bool {
    let Ok((wanted, protocol)) = engine::parse_ports(wanted) else {
        return false;
    };
    let mut ports = record.config.ports.iter();
    ports.any(|port| {
        port.protocol == protocol && port.host_port.is_some_and(|port| wanted.contains(&port))
    })
}

fn is_exposed(record: &Record, wanted: &str) -> bool {
    let Ok((wanted, protocol)) = engine::parse_ports(wanted) else {
        return false;
    };
    let exposed = record.config.exposed.iter();
    let mut exposed = exposed.filter_map(|text| engine::parse_ports(text).ok());
    let mut published = record.config.ports.iter();
    published.any(|port| port.protocol == protocol && wanted.contains(&port.port))
        || exposed.any(|(ports, of)| {
            of == protocol && ports.start() <= wanted.end() && wanted.start() <= ports.end()
        })
}

fn id(record: &Record, args: &Args) -> String {
    if args.no_trunc {
        record.id.clone()
    } else {
        record.short_id().to_owned()
    }
}

/// How much of a command is shown.
const COMMAND_LENGTH: usize = 20;

fn command(record: &Record, args: &Args) -> String {
    let text = record.process.args.join(" ").replace(char::is_control, " ");
    if args.no_trunc || text.chars().count() <= COMMAND_LENGTH {
        return format!("\"{text}\"");
    }
    let start: String = text.chars().take(COMMAND_LENGTH - 1).collect();
    format!("\"{start}\u{2026}\"")
}

/// Docker's words for a status.
pub(super) fn status(live: &Live) -> String {
    let up = || {
        let since = live.started_at.as_deref().and_then(human::since);
        format!("Up {}", human::duration(since.unwrap_or_default()))
    };
    match (live.status, &live.exit) {
        (Status::Running, _) => match live.health.as_ref().map(|health| health.status.as_str()) {
            Some("starting") => format!("{} (health: starting)", up()),
            Some(health) => format!("{} ({health})", up()),
            None => up(),
        },
        (Status::Restarting, Some(exit)) => {
            format!(
                "Restarting ({}) {}",
                exit.code,
                human::ago(&exit.finished_at)
            )
        }
        (Status::Paused, _) => format!("{} (Paused)", up()),
        (Status::Exited, Some(exit)) => {
            let why = if exit.oom_killed {
                " (out of memory)"
            } else {
                ""
            };
            format!(
                "Exited ({}) {}{why}",
                exit.code,
                human::ago(&exit.finished_at)
            )
        }
        (Status::Created | Status::Exited | Status::Restarting, _) => "Created".to_owned(),
    }
}

/// Docker's words for the published ports, and for those that are only exposed.
fn ports(record: &Record, published: &[Port]) -> String {
    let is_published = |exposed: &String| {
        let mut published = published.iter();
        published.any(|port| *exposed == format!("{}/{}", port.port, port.protocol))
    };
    let exposed = record
        .config
        .exposed
        .iter()
        .filter(|exposed| !is_published(exposed));
    let texts = published
        .iter()
        .map(ToString::to_string)
        .chain(exposed.cloned());
    texts.collect::<Vec<_>>().join(", ")
}

/// From where each published port can be reached.
fn reached_from(published: &[Port]) -> String {
    let texts = published
        .iter()
        .map(|port| format!("{port} from {}", port.reached_from()));
    texts.collect::<Vec<_>>().join(", ")
}

fn row(record: &Record, live: &Live, args: &Args, engine: &Engine) -> Row {
    let published = engine.ports(record).unwrap_or_default();
    let labels = record.process.labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mounts: Vec<String> = record
        .config
        .volumes
        .iter()
        .map(|volume| volume.source.display().to_string())
        .collect();
    let size = match args.size {
        true => {
            let (written, all) = engine.size(record);
            format!("{} (virtual {})", human::size(written), human::size(all))
        }
        false => "0B".to_owned(),
    };
    Row {
        fields: json!({
            "ID": id(record, args),
            "Image": record.origin(),
            "Command": command(record, args),
            "CreatedAt": record.created,
            "RunningFor": human::ago(&record.created),
            "State": live.status.name(),
            "Status": status(live),
            "Ports": ports(record, &published),
            "Names": record.name,
            "Labels": labels.join(","),
            "Mounts": mounts.join(","),
            "Networks": record.network_names().join(","),
            "LocalVolumes": "0",
            "ReachedFrom": reached_from(&published),
            "Size": size,
        }),
        more: json!({ "Label": record.process.labels }),
    }
}
