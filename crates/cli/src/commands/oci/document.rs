//! What `state` and `list` say of a container: the specification's state with what runc adds to it,
//! in runc's order.

use std::collections::BTreeMap;
use std::path::Path;

use ::spec::state::Status;
use runtime::Record;
use serde::Serialize;

/// A container as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    oci_version: &'a str,
    id: &'a str,
    pid: i32,
    status: Status,
    bundle: &'a Path,
    rootfs: &'a Path,
    created: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    owner: String,
}

impl<'a> Document<'a> {
    /// A container with the name of its owner, which `state` leaves empty.
    pub(super) fn new(record: &'a Record, status: Status, owner: String) -> Self {
        Self {
            oci_version: &record.oci_version,
            id: &record.id,
            pid: pid(record, status),
            status,
            bundle: &record.bundle,
            rootfs: &record.rootfs,
            created: &record.created,
            annotations: &record.annotations,
            owner,
        }
    }
}

/// Init's id; 0 once there is none.
pub(super) fn pid(record: &Record, status: Status) -> i32 {
    match status {
        Status::Stopped => 0,
        _ => record.pid,
    }
}
