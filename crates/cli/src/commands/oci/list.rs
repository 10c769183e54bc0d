//! `oci list`: the containers below `--root`.

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
    let containers = runtime::list(&global.root)?;
    if args.quiet {
        let ids: String = containers
            .iter()
            .map(|(record, _)| format!("{}\n", record.id))
            .collect();
        crate::output::print(&ids);
        return Ok(0);
    }
    if args.format == "json" {
        let rows: Vec<_> = containers.iter().map(as_json).collect();
        crate::output::print(&format!("{}\n", serde_json::Value::from(rows)));
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
            record.owner.to_string(),
        ]);
    }
    crate::output::print(&table.to_string());
    Ok(0)
}

fn pid(record: &runtime::Record, status: ::spec::state::Status) -> i32 {
    if status == ::spec::state::Status::Stopped {
        0
    } else {
        record.pid
    }
}

fn as_json((record, status): &(runtime::Record, ::spec::state::Status)) -> serde_json::Value {
    serde_json::json!({
        "ociVersion": record.oci_version,
        "id": record.id,
        "pid": pid(record, *status),
        "status": status.to_string(),
        "bundle": record.bundle,
        "rootfs": record.rootfs,
        "created": record.created,
        "annotations": record.annotations,
        "owner": record.owner.to_string(),
    })
}
