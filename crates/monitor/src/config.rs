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
    /// Where the [`crate::ExitRecord`] goes; a container that is removed at its end has none.
    pub exit_path: Option<PathBuf>,
    /// The symlink that claims the container's id range, for whoever clears up after it.
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
