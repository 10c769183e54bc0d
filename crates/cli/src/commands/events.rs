//! `wharf events`: what happens to containers, images and volumes, as it happens.

use std::time::SystemTime;

use engine::{Event, EventRange};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::flags::moment::moment;
use crate::output;
use crate::template::Template;

/// Show what happens to containers, images and volumes, as it happens
#[derive(Debug, clap::Parser)]
#[command(name = "events")]
pub(crate) struct Args {
    /// Only those that meet a condition: container, event, image, label, scope, type or volume
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// json, or a Go template
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// Those that came before too, from a time on, as 10m or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<SystemTime>,
    /// None that come after; without, on and on
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<SystemTime>,
}

/// `--format`.
#[derive(Debug, Clone, PartialEq)]
enum Format {
    Json,
    Template(Template),
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "json" => Ok(Format::Json),
        _ => Template::parse(text).map(Format::Template),
    }
}

const KEYS: [&str; 8] = [
    "container",
    "event",
    "image",
    "label",
    "network",
    "scope",
    "type",
    "volume",
];

/// What things happen to.
const TYPES: [&str; 4] = ["container", "image", "network", "volume"];

/// What a template can ask for: Docker's names, and those of the JSON object.
const FIELDS: [&str; 13] = [
    "Action", "Actor", "From", "ID", "Scope", "Status", "Time", "TimeNano", "Type", "from", "id",
    "scope", "status",
];

/// Runs the verb.
pub(crate) fn events(args: &Args, context: &Context) -> Result<i32, Failure> {
    let filters = Filters::parse(&args.filter, &KEYS).map_err(Failure::usage)?;
    filters
        .require_word("type", &TYPES)
        .and_then(|()| filters.require_word("scope", &["local", "swarm"]))
        .map_err(Failure::usage)?;
    if let Some(Format::Template(template)) = &args.format {
        let is_field = |name: &str| FIELDS.contains(&name);
        template.check(is_field).map_err(Failure::usage)?;
    }
    let range = EventRange {
        since: args.since,
        until: args.until,
    };
    let mut events = context.engine()?.events(range)?;
    while let Some(event) = events.next_event()? {
        if is_wanted(&filters, &event) {
            output::print(&line(args.format.as_ref(), &event)?);
        }
    }
    Ok(0)
}

fn is_wanted(filters: &Filters, event: &Event) -> bool {
    let (id, attributes) = (event.actor.id.as_str(), &event.actor.attributes);
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    let is = |kind: &str| event.kind == kind;
    // What is done in words, as `exec_create: ls`, is also met by its first one.
    let action = |value: &str| {
        let rest = event.action.strip_prefix(value);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    let container = |value: &str| {
        is("container") && (id.starts_with(value) || attribute("name") == Some(value))
    };
    let image = |value: &str| {
        let own = [
            attribute("image").filter(|_| is("container")),
            attribute("name").filter(|_| is("image")),
            Some(id).filter(|_| is("image")),
        ];
        let mut own = own.into_iter().flatten();
        own.any(|own| own == value || own.split(':').next() == Some(value))
    };
    let network =
        |value: &str| is("network") && (id.starts_with(value) || attribute("name") == Some(value));
    filters.meets("type", |value| is(value))
        && filters.meets("event", action)
        && filters.meets("container", container)
        && filters.meets("image", image)
        && filters.meets("network", network)
        && filters.meets("volume", |value| is("volume") && id == value)
        && filters.meets("scope", |value| event.scope == value)
        && filters.meets_labels(attributes)
}

fn line(format: Option<&Format>, event: &Event) -> Result<String, Failure> {
    Ok(match format {
        None => format!("{}\n", words(event)),
        Some(Format::Json) => format!("{}\n", value(event)),
        Some(Format::Template(template)) => {
            let value = value(event);
            // What a template calls otherwise than JSON does.
            let more = json!({
                "ID": value["id"], "Status": value["status"], "From": value["from"],
                "Scope": event.scope, "Time": event.time, "TimeNano": event.time_nano,
            });
            template.render(&value, &more).map_err(Failure::usage)? + "\n"
        }
    })
}

/// Docker's line: when, what kind, what happened, to what, and what else is known of it.
fn words(event: &Event) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(event.time_nano);
    let attributes = event.actor.attributes.iter();
    let attributes: Vec<String> = attributes
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut line = format!(
        "{} {} {} {}",
        store::time::rfc3339(time),
        event.kind,
        event.action,
        event.actor.id
    );
    if !attributes.is_empty() {
        line.push_str(&format!(" ({})", attributes.join(", ")));
    }
    line
}

/// Docker's object, which says of containers and images some things twice.
fn value(event: &Event) -> Value {
    let mut value = json!(event);
    if let Value::Object(object) = &mut value
        && matches!(event.kind.as_str(), "container" | "image")
    {
        object.insert("status".to_owned(), json!(event.action));
        object.insert("id".to_owned(), json!(event.actor.id));
        if let Some(image) = event.actor.attributes.get("image") {
            object.insert("from".to_owned(), json!(image));
        }
    }
    value
}
