//! `wharf ps`: list containers.

use engine::{Live, Record, Status, Sweep};
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::human;
use crate::output::{self, Table};

/// List containers
#[derive(Debug, clap::Parser)]
#[command(name = "ps")]
pub(crate) struct Args {
    /// Those that do not run too
    #[arg(short, long)]
    all: bool,
    /// Only the ids
    #[arg(short, long)]
    quiet: bool,
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: crate::output::Format,
}

/// Runs the verb.
pub(crate) fn ps(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    if args.all {
        engine.sweep(Sweep::All);
    }
    let containers = engine.list(args.all)?;
    let text: String = match (args.quiet, args.format) {
        (true, _) => containers
            .iter()
            .map(|(record, _)| id(record, &args) + "\n")
            .collect(),
        (_, crate::output::Format::Json) => containers
            .iter()
            .map(|(record, live)| as_json(record, live, &args))
            .collect(),
        (_, crate::output::Format::Table) => table(&containers, &args).to_string(),
    };
    output::print(&text);
    Ok(0)
}

fn id(record: &Record, args: &Args) -> String {
    if args.no_trunc {
        record.id.clone()
    } else {
        record.short_id().to_owned()
    }
}

fn table(containers: &[(Record, Live)], args: &Args) -> Table {
    let header = [
        "CONTAINER ID",
        "IMAGE",
        "COMMAND",
        "CREATED",
        "STATUS",
        "PORTS",
        "NAMES",
    ];
    let mut table = Table::new(&header);
    for (record, live) in containers {
        table.row([
            id(record, args),
            record.origin(),
            command(record, args),
            human::ago(&record.created),
            status(live),
            String::new(),
            record.name.clone(),
        ]);
    }
    table
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
fn status(live: &Live) -> String {
    let up = || {
        let since = live.started_at.as_deref().and_then(human::since);
        format!("Up {}", human::duration(since.unwrap_or_default()))
    };
    match (live.status, &live.exit) {
        (Status::Running, _) => up(),
        (Status::Paused, _) => format!("{} (Paused)", up()),
        (Status::Exited, Some(exit)) => {
            format!("Exited ({}) {}", exit.code, human::ago(&exit.finished_at))
        }
        (Status::Created | Status::Exited, _) => "Created".to_owned(),
    }
}

fn as_json(record: &Record, live: &Live, args: &Args) -> String {
    let labels: Vec<String> = record
        .process
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let value = json!({
        "ID": id(record, args),
        "Image": record.origin(),
        "Command": command(record, args),
        "CreatedAt": record.created,
        "RunningFor": human::ago(&record.created),
        "State": live.status.name(),
        "Status": status(live),
        "Ports": "",
        "Names": record.name,
        "Labels": labels.join(","),
    });
    format!("{value}\n")
}
