//! What a container shall be, in the words of its user: the request that front doors build from
//! flags or from a document. Data only; what follows from it is in `process.rs` and `oci_spec.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use spec::runtime::{LinuxSeccomp, Rlimit, TimeOffset};

/// Everything that can be asked of a container. What is `None` or empty is the image's, or the
/// default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerConfig {
    /// Its name; one is made up without.
    pub name: Option<String>,
    /// What its root filesystem is.
    pub root: Root,
    /// The platform of the image, as `linux/arm64`; this machine's without.
    pub platform: Option<String>,
    /// Arguments, which take the place of the image's command.
    pub command: Vec<String>,
    /// Takes the place of the image's entry point; an empty list removes it.
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value`, over the image's.
    pub env: Vec<String>,
    /// The working directory.
    pub working_dir: Option<PathBuf>,
    /// `user[:group]`, names or numbers.
    pub user: Option<String>,
    /// The host name; the short id without.
    pub hostname: Option<String>,
    /// Labels, over the image's.
    pub labels: BTreeMap<String, String>,
    /// Whether the process gets a terminal.
    pub terminal: bool,
    /// Whether the process has a standard input that can be written to.
    pub open_stdin: bool,
    /// Whether the standard input ends with the first client that writes to it.
    pub stdin_once: bool,
    /// Whether the container is removed at its end; it does not survive a boot then.
    pub auto_remove: bool,
    /// Directories and files of the host inside.
    pub volumes: Vec<Volume>,
    /// Empty directories in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// Whether the root is read-only.
    pub read_only: bool,
    /// Limits.
    pub resources: Resources,
    /// The eight namespaces but mnt, which is always its own.
    pub namespaces: Namespaces,
    /// Offsets of the clocks, by `monotonic` and `boottime`; gives it a time namespace.
    pub time_offsets: BTreeMap<String, TimeOffset>,
    /// All capabilities, all devices, nothing hidden.
    pub privileged: bool,
    /// Capabilities over the default ones; `ALL` is all.
    pub cap_add: Vec<String>,
    /// Capabilities that are taken from the default ones; `ALL` is all.
    pub cap_drop: Vec<String>,
    /// Whether execve(2) may give no more rights.
    pub no_new_privileges: bool,
    /// The system call filter.
    pub seccomp: Seccomp,
    /// Limits of getrlimit(2).
    pub rlimits: Vec<Rlimit>,
    /// Value for `/proc/self/oom_score_adj`.
    pub oom_score_adj: Option<i32>,
    /// Whether a small init reaps orphans and passes signals on.
    pub init: bool,
    /// The signal of `stop`, by name or number.
    pub stop_signal: Option<String>,
    /// Seconds that `stop` waits before it kills; negative is for ever.
    pub stop_timeout: Option<i64>,
    /// Where output is kept.
    pub log: LogDriver,
}

/// A root filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Root {
    /// An image, by a reference; writes go to a layer of the container's own.
    Image(String),
    /// A directory of the host.
    Directory {
        /// Its absolute path.
        path: PathBuf,
        /// Whether writes go to the directory itself and not to a layer.
        writable: bool,
    },
}

impl Default for Root {
    fn default() -> Self {
        Self::Image(String::new())
    }
}

/// A directory or file of the host inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// The absolute path on the host.
    pub source: PathBuf,
    /// The absolute path inside.
    pub target: PathBuf,
    /// Whether it is read-only inside.
    pub read_only: bool,
    /// Whether a missing source is made, as a directory; else it is an error.
    pub create_source: bool,
}

/// An empty directory in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// The absolute path inside.
    pub target: PathBuf,
    /// Mount options beside the default ones, as `size=64m`.
    pub options: Vec<String>,
}

/// Limits; what is `None` is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Bytes of memory.
    pub memory: Option<i64>,
    /// Bytes of memory and swap together; -1 is unlimited swap. Twice the memory without.
    pub memory_swap: Option<i64>,
    /// Thousand-millionths of a processor.
    pub nano_cpus: Option<i64>,
    /// Tasks; -1 is unlimited.
    pub pids: Option<i64>,
    /// Bytes of `/dev/shm`; 64 MiB without.
    pub shm_size: Option<i64>,
}

/// With whom the container shares each namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespaces {
    /// Process ids.
    pub pid: Sharing,
    /// Network devices; private means only `lo`.
    pub network: Sharing,
    /// System V IPC, message queues and `/dev/shm`.
    pub ipc: Sharing,
    /// Host name.
    pub uts: Sharing,
    /// User ids.
    pub user: Sharing,
    /// The root of the visible cgroups.
    pub cgroup: Sharing,
}

/// Whose namespace the container uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// Its own, unless something else that was asked for forbids it.
    #[default]
    Default,
    /// Its own.
    Private,
    /// The host's.
    Host,
    /// That of another container, by name or id.
    Container(String),
    /// The one that this path shows.
    Path(PathBuf),
}

/// Which system calls are allowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seccomp {
    /// Docker's default profile; none when privileged.
    #[default]
    Default,
    /// All.
    Unconfined,
    /// Those of a profile.
    Profile(Box<LinuxSeccomp>),
}

/// Where output is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogDriver {
    /// JSON lines, as Docker's `json-file`.
    JsonFile {
        /// Bytes after which a new file is begun.
        max_size: Option<u64>,
        /// How many files are kept.
        max_files: u32,
    },
    /// Nowhere.
    None,
}

impl Default for LogDriver {
    fn default() -> Self {
        Self::JsonFile {
            max_size: None,
            max_files: 1,
        }
    }
}
