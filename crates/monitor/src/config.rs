//! What the engine tells a monitor: the document `monitor.json` in the container's run directory.
//! Data only.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::health::Probe;

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
    /// Where compiled filters are kept; monitors of an earlier version knew nothing of it.
    #[serde(default)]
    pub filters: Option<PathBuf>,
    /// Whether the container is removed at its end.
    #[serde(default)]
    pub removes: bool,
    /// Who makes the container's cgroup.
    pub cgroup_manager: runtime::cgroup::Manager,
    /// Whether the process gets a terminal; stdout and stderr are then one stream.
    pub terminal: bool,
    /// Whether the process has a standard input that clients can write to; else `/dev/null`.
    pub open_stdin: bool,
    /// Whether the standard input ends when the first client that writes to it ends.
    pub stdin_once: bool,
    /// Where output is kept; `None` keeps nothing.
    pub log: Option<Log>,
    /// When and how the container's health is looked at.
    #[serde(default)]
    pub health: Option<Probe>,
    /// Where the [`crate::ExitRecord`] goes; a container that is removed at its end has none.
    pub exit_path: Option<PathBuf>,
    /// The symlink that claims the container's id range, for whoever clears up after it.
    pub id_range: Option<PathBuf>,
}

/// Where output is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// Files.
    File(FileLog),
    /// systemd's journal.
    Journal(JournalLog),
}

/// systemd's journal, and how a container's entries are called there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalLog {
    /// Its socket.
    pub socket: PathBuf,
    /// The container's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The identifier of its entries.
    pub tag: String,
}

/// How entries are written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Docker's `json-file`.
    Json,
    /// Kubernetes' (the container runtime interface's).
    Kubernetes,
}

/// A log file, and how it is rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLog {
    /// How entries are written.
    pub format: FileFormat,
    /// The file written to; older ones are `<path>.1` (the newest), `<path>.2` and so on.
    pub path: PathBuf,
    /// Bytes from which on the file is rotated before the next entry; `None` never rotates.
    pub max_size: Option<u64>,
    /// How many files are kept in all, the current one included; at least 1.
    pub max_files: u32,
}
