//! `wharf why`: how a container ended, and what it was.

use engine::{Live, Record, Status};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::{human, output};

/// Say why a container does not run
#[derive(Debug, clap::Parser)]
#[command(name = "why")]
pub(crate) struct Args {
    /// So many of the last lines of its log
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 10,
          value_parser = crate::flags::number::count::<usize>)]
    tail: usize,
    /// Name or id
    container: String,
}

/// Runs the verb.
pub(crate) fn why(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let (record, live) = engine.look(&args.container)?;
    let mut text = format!("{}: {}\n", record.name, verdict(&record, &live));
    for line in details(&record, &live) {
        text.push_str(&format!("  {line}\n"));
    }
    output::print(&text);
    if live.pid.is_none() {
        show_log(&engine, &record, args.tail)?;
    }
    Ok(0)
}

/// One sentence.
fn verdict(record: &Record, live: &Live) -> String {
    let Some(exit) = live.exit.as_ref() else {
        return match live.status {
            Status::Created => "was never started".to_owned(),
            Status::Paused => "stands still because it was paused".to_owned(),
            _ => "is running".to_owned(),
        };
    };
    if exit.started_at.is_none() {
        let error = exit
            .error
            .as_deref()
            .unwrap_or("for a reason that was not kept");
        return format!("could not be started: {error}");
    }
    if exit.oom_killed {
        return match &exit.oom_kill {
            Some(kill) => format!(
                "the kernel killed its process {} ({}) for want of memory",
                kill.process, kill.pid
            ),
            None => "the kernel killed one of its processes for want of memory".to_owned(),
        };
    }
    let program = record
        .process
        .args
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    let Some(signal) = exit.signal else {
        return match exit.code {
            0 => format!("{program} ended by itself, with success"),
            126 => format!("{program} ended with 126: what it was to run is no program"),
            127 => match record.lacking() {
                Some(lacking) => format!("{program} ended with 127: {lacking}"),
                None => format!("{program} ended with 127: what it was to run was not found"),
            },
            code @ 129..=192 => format!(
                "{program} ended with {code}, which a shell gives for a child that {} ended",
                sys::signals::signal_name(code - 128)
            ),
            code => format!("{program} ended by itself with exit code {code}"),
        };
    };
    let name = sys::signals::signal_name(signal);
    match &exit.sent {
        Some(sent) if sent.signal == signal => {
            format!(
                "ended by {name}, which `wharf {}` of user {} sent",
                sent.by, sent.uid
            )
        }
        _ if exit.error.is_some() => {
            format!(
                "ended by {name}: {}",
                exit.error.as_deref().unwrap_or_default()
            )
        }
        _ => format!("ended by {name}, which no command of wharf sent"),
    }
}

fn details(record: &Record, live: &Live) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(exit) = &live.exit else {
        return lines;
    };
    lines.push(format!(
        "ended {} ({})",
        human::ago(&exit.finished_at),
        exit.finished_at
    ));
    let ran = exit.started_at.as_deref().and_then(human::parse_rfc3339);
    let ended = human::parse_rfc3339(&exit.finished_at);
    if let (Some(from), Some(to)) = (ran, ended) {
        let for_how_long = human::duration(to.duration_since(from).unwrap_or_default());
        lines.push(format!("it ran for {}", for_how_long.to_lowercase()));
    }
    if let Some(kill) = &exit.oom_kill {
        lines.push(format!(
            "the process had {}",
            human::binary_size(kill.resident)
        ));
        if !kill.limited.is_empty() {
            lines.push(format!("the limit was that of cgroup {}", kill.limited));
        }
    }
    if let Some(peak) = exit.memory_peak {
        let limit = record
            .config
            .resources
            .memory
            .and_then(|limit| u64::try_from(limit).ok());
        let limit = limit.map(|limit| format!(" of {}", human::binary_size(limit)));
        let peak = human::binary_size(peak);
        lines.push(format!(
            "memory at most: {peak}{}",
            limit.unwrap_or_default()
        ));
    }
    if let Some(cpu) = exit.cpu_time {
        let (seconds, ms) = (cpu / 1_000_000_000, cpu / 1_000_000 % 1000);
        lines.push(format!("processor time: {seconds}.{ms:03} s"));
    }
    if let (Some(read), Some(written)) = (exit.block_read, exit.block_written) {
        lines.push(format!(
            "block devices: {} read, {} written",
            human::binary_size(read),
            human::binary_size(written)
        ));
    }
    if live.restarts > 0 {
        lines.push(format!("it was started again {} times", live.restarts));
    }
    if exit.log_lost > 0 {
        lines.push(format!(
            "{} bytes of its log could not be kept",
            exit.log_lost
        ));
    }
    if let Some(error) = exit.error.as_ref().filter(|_| exit.started_at.is_some()) {
        lines.push(format!("note: {error}"));
    }
    lines
}

fn show_log(engine: &engine::Engine, record: &Record, tail: usize) -> Result<(), Failure> {
    let range = engine::LogRange {
        tail: Some(tail),
        ..engine::LogRange::default()
    };
    // One without a log has no last lines.
    let Ok(mut logs) = engine.logs(&record.id, false, range) else {
        return Ok(());
    };
    let mut heading = Some("  its last lines:\n");
    while let Some(line) = logs.next_line()? {
        let text = line.text.trim_end_matches('\n');
        output::print(&format!(
            "{}    {text}\n",
            heading.take().unwrap_or_default()
        ));
    }
    Ok(())
}
