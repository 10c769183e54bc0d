//! The record of how a container ended: the document `exit.json`. Data and its writing; who
//! decides when is `run.rs`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use store::Durability;

use crate::Error;

/// The version of [`ExitRecord`] this binary writes.
pub const EXIT_VERSION: u32 = 1;

/// How a container's process ended, or why it never began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// [`EXIT_VERSION`].
    pub version: u32,
    /// The exit code; 128 + n when signal n ended it.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether the kernel killed one of its processes at its memory limit.
    pub oom_killed: bool,
    /// When the process began (RFC 3339, nanoseconds, UTC); `None` if it never did.
    pub started_at: Option<String>,
    /// When it ended, or failed to begin.
    pub finished_at: String,
    /// What went wrong on our side: why it never began, or what was lost while it ran.
    pub error: Option<String>,
}

impl ExitRecord {
    /// Writes the record in one step: a reader sees the old file, no file, or all of it.
    ///
    /// # Errors
    /// [`Error::Store`] with the path.
    pub fn write(&self, path: &Path, durability: Durability) -> Result<(), Error> {
        store::write_json(path, self, durability).map_err(Error::Store)
    }

    /// Reads the record at `path`; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Store`] when it is not a record.
    pub fn read(path: &Path) -> Result<Option<ExitRecord>, Error> {
        store::read_json(path).map_err(Error::Store)
    }
}
