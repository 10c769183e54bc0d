//! `oci events`: what a container uses and when its processes are killed for want of memory, one
//! JSON object a line.

use std::time::Duration;

use runtime::Event;
use runtime::cgroup::Stats;
use serde::Serialize;

use super::global::Global;
use super::main::Failure;
use crate::flags::duration::duration;

/// Show what a container uses, and its processes being killed for want of memory.
#[derive(Debug, clap::Parser)]
#[command(name = "events")]
pub(super) struct Args {
    /// How often the figures are shown, as 5s, 100ms
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    interval: Duration,
    /// Show the figures once
    #[arg(long)]
    stats: bool,
    /// The container
    id: String,
}

/// A line as runc writes it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    r#type: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Stats>,
}

pub(super) fn events(global: &Global, args: &Args) -> Result<i32, Failure> {
    if args.stats {
        let stats = runtime::stats(&global.root, &args.id)?;
        print(&args.id, "stats", Some(&stats))?;
        return Ok(0);
    }
    if args.interval.is_zero() {
        let message = "the interval must be greater than 0".to_owned();
        return Err(Failure::usage(message));
    }
    let mut events = runtime::watch(&global.root, &args.id, args.interval)?;
    loop {
        match events.wait()? {
            Event::Stats(stats) => print(&args.id, "stats", Some(&stats))?,
            Event::Oom => print(&args.id, "oom", None)?,
            Event::Ended => return Ok(0),
        }
    }
}

fn print(id: &str, r#type: &'static str, data: Option<&Stats>) -> Result<(), Failure> {
    let line = serde_json::to_string(&Line { r#type, id, data })
        .map_err(|error| Failure::usage(format!("writing an event: {error}")))?;
    crate::output::print(&format!("{line}\n"));
    Ok(())
}
