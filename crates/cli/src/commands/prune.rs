//! `wharf container prune`: remove the containers that do not run.

use std::io::{BufRead, Write};

use engine::{Engine, Status};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::flags::moment::moment;
use crate::{human, output};

/// Remove all containers that do not run
#[derive(Debug, clap::Parser)]
#[command(name = "prune")]
pub(crate) struct Args {
    /// Only those that meet a condition: until=TIME or label=NAME=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Runs the verb.
pub(crate) fn prune(args: Args, context: &Context) -> Result<i32, Failure> {
    let keys = ["until", "label", "label!"];
    let filters = Filters::parse(&args.filter, &keys).map_err(Failure::usage)?;
    let until = filters.values("until").first().map(|text| moment(text));
    let until = until.transpose().map_err(Failure::usage)?;
    if !args.force && !confirmed("This will remove all containers that do not run.") {
        return Ok(0);
    }
    let (removed, freed) = remove_stopped(&context.engine()?, |record| {
        filters.meets_labels(&record.process.labels)
            && until.is_none_or(|until| {
                human::parse_rfc3339(&record.created).is_some_and(|created| created < until)
            })
    })?;
    if !removed.is_empty() {
        output::print(&format!("Deleted Containers:\n{}\n\n", removed.join("\n")));
    }
    output::print(&format!("Total reclaimed space: {}\n", human::size(freed)));
    Ok(0)
}

/// Removes what does not run and meets a condition; gives back ids and bytes.
fn remove_stopped(
    engine: &Engine,
    is_meant: impl Fn(&engine::Record) -> bool,
) -> Result<(Vec<String>, u64), Failure> {
    let (mut removed, mut freed) = (Vec::new(), 0);
    for (record, live) in engine.list(true)? {
        let is_stopped = matches!(live.status, Status::Created | Status::Exited);
        if !is_stopped || record.config.auto_remove || !is_meant(&record) {
            continue;
        }
        let written = engine.written(&record);
        // Somebody may just have started or removed it.
        if engine.remove(&record.id, false, false).is_ok() {
            removed.push(record.id);
            freed += written;
        }
    }
    Ok((removed, freed))
}

/// Asks the user; an end of the input is a no.
pub(super) fn confirmed(warning: &str) -> bool {
    output::print(&format!(
        "WARNING! {warning}\nAre you sure you want to continue? [y/N] "
    ));
    let mut answer = String::new();
    let _ = std::io::stdout().flush();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
