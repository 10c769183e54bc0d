//! What the engine tells a monitor: the document `monitor.json` in the container's run directory.
//! Data only.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything a monitor needs to know about its container besides the bundle itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The container's id.
    pub id: String,
    /// The directory of all run directories, `<run root>/containers`; the runtime's state root.
    pub root: PathBuf,
    /// The OCI bundle: the directory with `config.json`.
    pub bundle: PathBuf,
    /// Whether the process gets a terminal; stdout and stderr are then one stream.
    pub terminal: bool,
    /// Whether the process has a standard input that clients can write to; else `/dev/null`.
    pub open_stdin: bool,
    /// Whether the standard input ends when the first client that writes to it ends.
    pub stdin_once: bool,
    /// Where output is kept; `None` keeps nothing.
    pub log: Option<Log>,
    /// Where the [`crate::ExitRecord`] goes.
    pub exit_path: PathBuf,
    /// Whether the record must survive a crash of the machine.
    pub exit_durable: bool,
    /// The arguments (from `argv[0]` on) of this binary that remove the container at its end,
    /// when its starter is gone; empty for a container that stays.
    pub cleanup: Vec<String>,
    /// The symlink that claims the container's id range, unlinked at its end.
    pub id_range: Option<PathBuf>,
}

/// A log file of JSON lines, and how it is rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The file written to; older ones are `<path>.1` (the newest), `<path>.2` and so on.
    pub path: PathBuf,
    /// Bytes from which on the file is rotated before the next entry; `None` never rotates.
    pub max_size: Option<u64>,
    /// How many files are kept in all, the current one included; at least 1.
    pub max_files: u32,
}
