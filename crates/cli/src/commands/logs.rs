//! `wharf logs`: show what a container wrote.

use std::time::SystemTime;

use engine::LogRange;
use store::time::rfc3339;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::moment::moment;
use crate::output;

/// Show what a container wrote
#[derive(Debug, clap::Parser)]
#[command(name = "logs")]
pub(crate) struct Args {
    /// Go on until it ends
    #[arg(short, long)]
    follow: bool,
    /// None that was written before, as 10m or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<SystemTime>,
    /// None that was written after
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<SystemTime>,
    /// Only the last lines; all or a number
    #[arg(short = 'n', long, value_name = "LINES", default_value = "all", value_parser = tail)]
    tail: Tail,
    /// With the time of each line
    #[arg(short, long)]
    timestamps: bool,
    /// With what the log keeps beside each line, which is nothing unless another program wrote it
    #[arg(long)]
    details: bool,
    /// Name or id
    container: String,
}

/// How many lines; `None` is all.
#[derive(Debug, Clone, Copy)]
struct Tail(Option<usize>);

fn tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(Tail(None)),
        _ => text
            .parse()
            .map(|count| Tail(Some(count)))
            .map_err(|_| format!("{text:?} is neither all nor a number of lines")),
    }
}

/// Runs the verb.
pub(crate) fn logs(args: Args, context: &Context) -> Result<i32, Failure> {
    let range = LogRange {
        tail: args.tail.0,
        since: args.since.map(rfc3339),
        until: args.until.map(rfc3339),
    };
    let mut logs = context
        .engine()?
        .logs(&args.container, args.follow, range)?;
    while let Some(line) = logs.next_line()? {
        let mut text = line.text;
        if args.details {
            let details = line.attrs.iter();
            let details: Vec<String> = details
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            text = format!("{} {text}", details.join(","));
        }
        if args.timestamps {
            text = format!("{} {text}", line.time);
        }
        match line.stream.as_str() {
            "stderr" => output::stderr_bytes(text.as_bytes()),
            _ => output::print(&text),
        }
    }
    Ok(0)
}
