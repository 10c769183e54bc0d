//! `oci ps`: the processes of a container, as the host's `ps` shows them.

use std::process::Command;

use super::global::Global;
use super::main::Failure;

/// List the processes of a container.
#[derive(Debug, clap::Parser)]
#[command(name = "ps")]
pub(super) struct Args {
    /// table (what the host's ps prints) or json (the process ids)
    #[arg(short, long, value_name = "FORMAT", default_value = "table",
          value_parser = ["table", "json"])]
    format: String,
    /// The container
    id: String,
    /// Options for the host's ps instead of -ef
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

pub(super) fn ps(global: &Global, args: &Args) -> Result<i32, Failure> {
    let pids = runtime::processes(&global.root, &args.id)?;
    if args.format == "json" {
        crate::output::print(&format!("{}\n", serde_json::json!(pids)));
        return Ok(0);
    }
    let options = if args.options.is_empty() {
        vec!["-ef".to_owned()]
    } else {
        args.options.clone()
    };
    let output = Command::new("ps")
        .args(&options)
        .output()
        .map_err(|error| Failure::usage(format!("running the host's ps: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let column = header
        .split_whitespace()
        .position(|word| word == "PID")
        .ok_or_else(|| Failure::usage("the host's ps shows no column PID".to_owned()))?;
    let is_ours = |line: &&str| {
        let pid = line
            .split_whitespace()
            .nth(column)
            .and_then(|word| word.parse().ok());
        pid.is_some_and(|pid: i32| pids.contains(&pid))
    };
    let rows: String = lines
        .filter(is_ours)
        .map(|line| format!("{line}\n"))
        .collect();
    crate::output::print(&format!("{header}\n{rows}"));
    Ok(0)
}
