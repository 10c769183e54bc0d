//! `wharf top`: the processes of a container.

use std::process::Command;
use std::time::Duration;

use engine::Task;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output::{self, Table};

/// Show the processes of a container
#[derive(Debug, clap::Parser)]
#[command(name = "top")]
pub(crate) struct Args {
    /// Name or id
    container: String,
    /// Options for the host's ps(1), whose table is shown then
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Runs the verb.
pub(crate) fn top(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    if !args.options.is_empty() {
        let pids = engine.processes(&args.container)?;
        output::print(&by_ps(&args.options, &pids)?);
        return Ok(0);
    }
    let mut table = Table::new(&["UID", "PID", "PPID", "STIME", "TTY", "TIME", "CMD"]);
    for task in engine.top(&args.container)? {
        table.row(row(&task));
    }
    output::print(&table.to_string());
    Ok(0)
}

fn row(task: &Task) -> [String; 7] {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let up = u64::try_from(clock.tv_sec).unwrap_or_default();
    let age = Duration::from_secs(up.saturating_sub(task.started));
    let hours = task.cpu / 3600;
    [
        task.uid.to_string(),
        task.pid.to_string(),
        task.ppid.to_string(),
        crate::human::clock_time(age),
        task.terminal.clone(),
        format!("{hours:02}:{:02}:{:02}", task.cpu / 60 % 60, task.cpu % 60),
        task.command.clone(),
    ]
}

/// The lines of the host's ps(1) that are about these processes.
fn by_ps(options: &[String], pids: &[i32]) -> Result<String, Failure> {
    let failed = |why: String| Failure::usage(format!("running ps: {why}"));
    let ps = Command::new("ps").args(options).output();
    let ps = ps.map_err(|error| failed(error.to_string()))?;
    if !ps.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&ps.stderr).trim().to_owned(),
        ));
    }
    let text = String::from_utf8_lossy(&ps.stdout);
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let column = header.split_whitespace().position(|word| word == "PID");
    let column = column.ok_or_else(|| failed("its table has no column PID".to_owned()))?;
    let is_ours = |line: &&str| {
        let pid = line.split_whitespace().nth(column);
        pid.and_then(|pid| pid.parse().ok())
            .is_some_and(|pid| pids.contains(&pid))
    };
    let ours = lines.filter(is_ours).map(|line| format!("{line}\n"));
    Ok(format!("{header}\n{}", ours.collect::<String>()))
}
