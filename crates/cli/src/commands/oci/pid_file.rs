//! `--pid-file`: the id of a process, for whoever supervises it.

use std::path::Path;

use rustix::process::Pid;

use super::main::Failure;
use crate::error_text;

/// Writes `pid` to `path`, if there is one, at one stroke.
pub(super) fn write(path: Option<&Path>, pid: Pid) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let text = pid.as_raw_pid().to_string();
    store::atomic_write(path, text.as_bytes(), store::Durability::Boot)
        .map_err(|error| Failure::usage(error_text::sentence(&error)))
}
