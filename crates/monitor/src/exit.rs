//! The record of how a container ended: the document `exit.json`. Data and its writing; who
//! decides when is `run.rs`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use store::Durability;

use crate::Error;
use crate::oom::OomKill;

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
    /// The process that was killed for want of memory, where the kernel's log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kill: Option<OomKill>,
    /// The last signal that a command of ours sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
    /// The most memory it used, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_peak: Option<u64>,
    /// Nanoseconds of processor time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_time: Option<u64>,
    /// Bytes read from block devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_read: Option<u64>,
    /// Bytes written to block devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_written: Option<u64>,
    /// Bytes of the log that could not be kept.
    #[serde(default)]
    pub log_lost: u64,
}

/// A signal that a command sent to a container: the document `sent.json` in its run directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its number.
    pub signal: i32,
    /// The command, as `stop`.
    pub by: String,
    /// Whose command it was.
    pub uid: u32,
    /// When.
    pub time: String,
}

/// The file of a [`Sent`] in a run directory.
pub const SENT: &str = "sent.json";

impl Sent {
    /// Writes down in a run directory that this was sent.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn write(&self, run_directory: &Path) -> Result<(), Error> {
        let path = run_directory.join(SENT);
        store::write_json(&path, self, Durability::Boot).map_err(Error::Store)
    }
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
