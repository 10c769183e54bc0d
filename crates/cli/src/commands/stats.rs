//! `wharf stats`: what containers use, again and again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::{Engine, Kind, Rate, Rates, Usage};
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::listing::{self, Column, Format, Row};
use crate::{human, output};

/// Show what containers use
#[derive(Debug, clap::Parser)]
#[command(name = "stats")]
pub(crate) struct Args {
    /// Those that do not run too
    #[arg(short, long)]
    all: bool,
    /// table, json, a Go template, or table and a template
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = listing::format)]
    format: Format,
    /// Only once
    #[arg(long)]
    no_stream: bool,
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// Names or ids; all that run without
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

const COLUMNS: [Column; 9] = [
    ("ID", "CONTAINER ID"),
    ("Name", "NAME"),
    ("CPUPerc", "CPU %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemPerc", "MEM %"),
    ("NetIO", "NET I/O"),
    ("NetLimit", "NET LIMIT"),
    ("BlockIO", "BLOCK I/O"),
    ("PIDs", "PIDS"),
];

/// The time between two looks, and before the first table: a processor's share needs two.
const INTERVAL: Duration = Duration::from_secs(1);
const FIRST: Duration = Duration::from_millis(200);

/// Clears the screen from the cursor on, which stands in its first corner.
const HOME: &str = "\x1b[H\x1b[J";

/// Runs the verb.
pub(crate) fn stats(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    for name in &args.containers {
        engine.find(name)?;
    }
    let is_screen = !args.no_stream
        && args.format == Format::Table
        && rustix::termios::isatty(rustix::stdio::stdout());
    let mut last = look(&engine, &args)?;
    let mut pause = FIRST;
    loop {
        std::thread::sleep(pause);
        pause = INTERVAL;
        let now = look(&engine, &args)?;
        let rows: Vec<Row> = now
            .values()
            .map(|(name, usage)| row(name, usage.as_ref(), &last, &args))
            .collect();
        let text = listing::render(
            &args.format,
            &shown(&now),
            &[("Container", "CONTAINER")],
            &rows,
        )?;
        let home = if is_screen { HOME } else { "" };
        output::print(&format!("{home}{text}"));
        if args.no_stream || (!args.containers.is_empty() && now.values().all(|(_, u)| u.is_none()))
        {
            return Ok(0);
        }
        last = now;
    }
}

/// The columns; that of limits only where there are any.
fn shown(now: &Look) -> Vec<Column> {
    let mut usages = now.values().filter_map(|(_, usage)| usage.as_ref());
    let are_limits = usages.any(|usage| usage.network_limits.are_limits());
    let is_shown = |(field, _): &Column| are_limits || *field != "NetLimit";
    COLUMNS.into_iter().filter(is_shown).collect()
}

/// What each container uses, by its id; nothing of one that does not run.
type Look = BTreeMap<String, (String, Option<Usage>)>;

fn look(engine: &Engine, args: &Args) -> Result<Look, Failure> {
    let names = match (args.containers.is_empty(), args.all) {
        (false, _) => args.containers.clone(),
        (true, true) => engine
            .list(true)?
            .into_iter()
            .map(|(record, _)| record.id)
            .collect(),
        (true, false) => engine.running()?,
    };
    let mut found = Look::new();
    for name in names {
        // One that was removed meanwhile is not shown any more.
        let Ok(record) = engine.find(&name) else {
            continue;
        };
        let usage = match engine.stats(&record.id) {
            Ok(usage) => Some(usage),
            Err(error) if matches!(error.kind(), Kind::Conflict | Kind::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        found.insert(record.id, (record.name, usage));
    }
    Ok(found)
}

fn row(name: &str, usage: Option<&Usage>, last: &Look, args: &Args) -> Row {
    let Some(usage) = usage else {
        let nothing = json!({"ID": "--", "Name": name, "Container": name, "CPUPerc": "--",
            "MemUsage": "-- / --", "MemPerc": "--", "NetIO": "-- / --", "NetLimit": "-- / --", "Interfaces": [], "BlockIO": "-- / --",
            "PIDs": "--"});
        return Row::new(nothing);
    };
    let before = last.get(&usage.id).and_then(|(_, usage)| usage.as_ref());
    let id = match args.no_trunc {
        true => usage.id.as_str(),
        false => usage.id.get(..12).unwrap_or(&usage.id),
    };
    let pair = |(a, b): (u64, u64)| format!("{} / {}", human::size(a), human::size(b));
    Row::new(json!({
        "ID": id,
        "Container": name,
        "Name": usage.name,
        "CPUPerc": format!("{:.2}%", processors(before, usage)),
        "MemUsage": format!("{} / {}", human::binary_size(usage.memory), human::binary_size(usage.memory_limit)),
        "MemPerc": format!("{:.2}%", percent(usage.memory, usage.memory_limit)),
        "NetIO": pair(network(usage)),
        "Interfaces": usage.interfaces,
        "BlockIO": pair(usage.block),
        "NetLimit": limits(&usage.network_limits),
        "PIDs": usage.pids.to_string(),
    }))
}

/// Bytes received and sent by all interfaces.
fn network(usage: &Usage) -> (u64, u64) {
    let interfaces = usage.interfaces.iter();
    interfaces.fold((0, 0), |(received, sent), interface| {
        (
            received + interface.received.bytes,
            sent + interface.sent.bytes,
        )
    })
}

/// How fast a container may receive and send.
fn limits(rates: &Rates) -> String {
    let text = |rate: Option<Rate>| rate.map_or("unlimited".to_owned(), |rate| rate.to_string());
    format!("{} / {}", text(rates.limit_in()), text(rates.limit_out()))
}

/// The share of one processor since the look before.
fn processors(before: Option<&Usage>, now: &Usage) -> f64 {
    let Some(before) = before else { return 0.0 };
    let nanoseconds = |from: Instant, to: Instant| {
        u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX)
    };
    percent(
        now.cpu.saturating_sub(before.cpu),
        nanoseconds(before.at, now.at),
    )
}

#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        _ => part as f64 / whole as f64 * 100.0,
    }
}
