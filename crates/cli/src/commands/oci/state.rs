//! `oci state`: the state document of a container.

use super::global::Global;
use super::main::Failure;

/// Show the state of a container as JSON.
#[derive(Debug, clap::Parser)]
#[command(name = "state")]
pub(super) struct Args {
    /// The container
    id: String,
}

pub(super) fn state(global: &Global, args: &Args) -> Result<i32, Failure> {
    let (record, status) = runtime::inspect(&global.root, &args.id)?;
    let stopped = status == ::spec::state::Status::Stopped;
    // The specification's document with what runc adds to it.
    let document = serde_json::json!({
        "ociVersion": record.oci_version,
        "id": record.id,
        "pid": if stopped { 0 } else { record.pid },
        "status": status.to_string(),
        "bundle": record.bundle,
        "rootfs": record.rootfs,
        "created": record.created,
        "annotations": record.annotations,
        "owner": "",
    });
    crate::output::print(&format!("{document:#}\n"));
    Ok(0)
}
