//! The record of how a container ended: the document `exit.json`. Data
//! only.

use serde::{Deserialize, Serialize};

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
