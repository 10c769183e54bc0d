//! `oci list`: the containers below `--root`.

use runtime::Record;

use super::document::{Document, pid};
use super::global::Global;
use super::main::Failure;
use crate::output::Table;

/// List the containers.
#[derive(Debug, clap::Parser)]
#[command(name = "list")]
pub(super) struct Args {
    /// table or json
    #[arg(short, long, value_name = "FORMAT", default_value = "table",
          value_parser = ["table", "json"])]
    format: String,
    /// Only the ids
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn list(global: &Global, args: &Args) -> Result<i32, Failure> {
    if global.root_was_named && !global.root.is_dir() {
        let root = global.root.display();
        return Err(Failure::usage(format!(
            "open {root}: no such file or directory"
        )));
    }
    let containers = runtime::list(&global.root)?;
    if args.quiet {
        let ids: String = containers
            .iter()
            .map(|(record, _)| format!("{}\n", record.id))
            .collect();
        crate::output::print(&ids);
        return Ok(0);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    if args.format == "json" {
        let document = |(record, status)| Document::new(record, status, owner(&users, record));
        let rows: Vec<_> = containers.iter().map(|(r, s)| document((r, *s))).collect();
        let text = serde_json::to_string(&rows)
            .map_err(|error| Failure::usage(format!("writing the list: {error}")))?;
        // Go writes an empty list so.
        let text = if rows.is_empty() { "null" } else { &text };
        crate::output::print(&format!("{text}\n"));
        return Ok(0);
    }
    let mut table = Table::new(&["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
    for (record, status) in &containers {
        table.row([
            record.id.clone(),
            pid(record, *status).to_string(),
            status.to_string(),
            record.bundle.display().to_string(),
            record.created.clone(),
            owner(&users, record),
        ]);
    }
    crate::output::print(&table.to_string());
    Ok(0)
}

/// The name that the user database has for the owner, else its number.
fn owner(users: &str, record: &Record) -> String {
    let uid = record.owner.to_string();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("#{uid}"))
}
