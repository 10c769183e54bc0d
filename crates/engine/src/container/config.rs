//! What a container shall be, in the words of its user: the request that front doors build from
//! flags or from a document. Data only; what follows from it is in `process.rs` and `oci_spec.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use network::{Protocol, Rates};
use serde::{Deserialize, Serialize};
use spec::runtime::{DeviceRule, Hooks, LinuxSeccomp, Rlimit, TimeOffset};

use super::docker_profile::DockerProfile;
use super::health::HealthConfig;
use super::image_mounts::ImageMount;
use super::restarts::RestartPolicy;

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
    /// Images inside, read-only.
    pub image_mounts: Vec<ImageMount>,
    /// Containers whose volumes it gets too, with `:ro` for reading only.
    pub volumes_from: Vec<String>,
    /// Empty directories in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// Device nodes of the host.
    pub devices: Vec<DeviceWish>,
    /// Further rules for the use of devices.
    pub device_rules: Vec<DeviceRule>,
    /// Kernel parameters of its namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Annotations of its OCI configuration.
    pub annotations: BTreeMap<String, String>,
    /// Groups of the process over its user's, names or numbers.
    pub group_add: Vec<String>,
    /// Lines for `/etc/hosts`, as `NAME:ADDRESS`.
    pub add_hosts: Vec<String>,
    /// Name servers instead of the host's.
    pub dns: Vec<String>,
    /// Search domains instead of the host's.
    pub dns_search: Vec<String>,
    /// Resolver options instead of the host's.
    pub dns_options: Vec<String>,
    /// The domain name; none without.
    pub domainname: Option<String>,
    /// Whether nothing of /proc and /sys is hidden or read-only.
    pub shows_system_paths: bool,
    /// Further paths that are hidden.
    pub masked_paths: Vec<PathBuf>,
    /// Paths that are neither hidden nor read-only; `ALL` is all.
    pub unmasked_paths: Vec<String>,
    /// The cgroup, or with systemd the slice, below which its own cgroup is.
    pub cgroup_parent: Option<String>,
    /// Programs of the host that are run at points of its life.
    pub hooks: Hooks,
    /// The AppArmor profile.
    pub apparmor: Option<String>,
    /// Whether the root is read-only.
    pub read_only: bool,
    /// Limits.
    pub resources: Resources,
    /// The networks that it is connected to, the first one's addresses first; the default one when
    /// nothing is said about its network namespace either.
    pub networks: Vec<NetworkWish>,
    /// The ports that the machine passes on to it.
    pub ports: Vec<PortWish>,
    /// Whether every exposed port gets one of the machine's.
    pub publish_all: bool,
    /// Ports that it listens on, beside the image's, as `80/tcp`.
    pub exposed: Vec<String>,
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
    /// When it is started again.
    pub restart: RestartPolicy,
    /// How it is looked whether it is well.
    pub health: HealthConfig,
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

/// A directory or file of the host, or a volume, inside the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// The absolute path on the host; of a volume it is known once the container is made.
    pub source: PathBuf,
    /// The absolute path inside.
    pub target: PathBuf,
    /// Whether it is read-only inside.
    pub read_only: bool,
    /// Whether a missing source is made, as a directory; else it is an error.
    pub create_source: bool,
    /// The name of the volume, if it is one.
    pub name: Option<String>,
    /// Whether it is a volume that is made for this container alone.
    pub anonymous: bool,
    /// Whether an empty volume stays empty, whatever the image has at its place.
    pub no_copy: bool,
    /// How mounts spread, as `rslave`; not at all without.
    pub propagation: Option<String>,
    /// Whether mounts below the source are left out.
    pub shallow: bool,
    /// Whether mounts below the source can be written to although it is read-only.
    pub writable_below: bool,
}

/// A device node of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceWish {
    /// Its path on the host.
    pub source: PathBuf,
    /// Its path inside.
    pub target: PathBuf,
    /// What may be done with it: `r`, `w`, `m`.
    pub access: String,
}

/// An empty directory in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// The absolute path inside.
    pub target: PathBuf,
    /// Mount options beside the default ones, as `size=64m`.
    pub options: Vec<String>,
}

/// A network that a container is connected to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkWish {
    /// Its name.
    pub network: String,
    /// The address of IPv4; any without.
    pub ip: Option<Ipv4Addr>,
    /// The address of IPv6; any without.
    pub ip6: Option<Ipv6Addr>,
    /// The hardware address; one that follows from the address without.
    pub mac: Option<[u8; 6]>,
    /// Further names of the container in this network.
    pub aliases: Vec<String>,
}

/// A port of a container that the machine passes on to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortWish {
    /// What speaks on it.
    pub protocol: Protocol,
    /// The machine's address; all of them without.
    pub host: Option<IpAddr>,
    /// The machine's port; any without.
    pub host_port: Option<u16>,
    /// The container's port.
    pub port: u16,
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
    /// Bytes of memory that it keeps when memory is short.
    pub memory_reservation: Option<i64>,
    /// How readily its memory is swapped, 0 to 100.
    pub memory_swappiness: Option<u64>,
    /// Whether it waits for memory instead of being killed for want of it.
    pub oom_kill_disable: bool,
    /// Its share of the processors among others; 1024 is what everybody has.
    pub cpu_shares: Option<u64>,
    /// Microseconds in which a quota is counted.
    pub cpu_period: Option<u64>,
    /// Microseconds of processor time in a period; -1 is unlimited.
    pub cpu_quota: Option<i64>,
    /// Microseconds in which real-time is counted.
    pub cpu_rt_period: Option<u64>,
    /// Microseconds of real-time in a period.
    pub cpu_rt_runtime: Option<i64>,
    /// Processors, as `0-2,7`.
    pub cpuset_cpus: Option<String>,
    /// Memory nodes, as `0,1`.
    pub cpuset_mems: Option<String>,
    /// Its share of block devices' time, 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// Limits of single block devices.
    pub block_devices: Vec<BlockLimit>,
    /// Tasks; -1 is unlimited.
    pub pids: Option<i64>,
    /// Bytes of `/dev/shm`; 64 MiB without.
    pub shm_size: Option<i64>,
    /// How fast it may receive and send on each of its networks.
    pub network: Rates,
}

/// A limit of one block device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockLimit {
    /// The device's node on the host.
    pub device: PathBuf,
    /// What is limited.
    pub kind: BlockLimitKind,
    /// Bytes or requests in a second, or a weight.
    pub value: u64,
}

/// What can be limited of a block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockLimitKind {
    /// Its share of the device's time.
    Weight,
    /// Bytes read in a second.
    ReadBytes,
    /// Bytes written in a second.
    WriteBytes,
    /// Reads in a second.
    Reads,
    /// Writes in a second.
    Writes,
}

impl Resources {
    /// These limits, and those of `old` where these say nothing.
    pub(super) fn over(self, old: &Self) -> Self {
        let old = old.clone();
        Self {
            memory: self.memory.or(old.memory),
            memory_swap: self.memory_swap.or(old.memory_swap),
            memory_reservation: self.memory_reservation.or(old.memory_reservation),
            memory_swappiness: self.memory_swappiness.or(old.memory_swappiness),
            oom_kill_disable: self.oom_kill_disable || old.oom_kill_disable,
            nano_cpus: self.nano_cpus.or(old.nano_cpus),
            cpu_shares: self.cpu_shares.or(old.cpu_shares),
            cpu_period: self.cpu_period.or(old.cpu_period),
            cpu_quota: self.cpu_quota.or(old.cpu_quota),
            cpu_rt_period: self.cpu_rt_period.or(old.cpu_rt_period),
            cpu_rt_runtime: self.cpu_rt_runtime.or(old.cpu_rt_runtime),
            cpuset_cpus: self.cpuset_cpus.or(old.cpuset_cpus),
            cpuset_mems: self.cpuset_mems.or(old.cpuset_mems),
            blkio_weight: self.blkio_weight.or(old.blkio_weight),
            block_devices: [old.block_devices, self.block_devices].concat(),
            pids: self.pids.or(old.pids),
            shm_size: self.shm_size.or(old.shm_size),
            network: self.network.over(old.network),
        }
    }
}

/// With whom the container shares each namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespaces {
    /// Process ids.
    pub pid: Sharing,
    /// Network devices; private means only `lo`, and nothing said means the networks.
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

/// As Docker writes it, with the network's word for a private one.
impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default | Self::Private => f.write_str("none"),
            Self::Host => f.write_str("host"),
            Self::Container(name) => write!(f, "container:{name}"),
            Self::Path(path) => write!(f, "ns:{}", path.display()),
        }
    }
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
    /// Those of a profile in Docker's own form.
    Docker(Box<DockerProfile>),
}

/// Where output is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogDriver {
    /// JSON lines, as Docker's `json-file`.
    JsonFile(Rotation),
    /// Lines as Kubernetes wants them.
    KubernetesFile(Rotation),
    /// systemd's journal.
    Journald {
        /// The identifier of the entries; the container's name without.
        tag: Option<String>,
    },
    /// Nowhere.
    None,
}

impl Default for LogDriver {
    fn default() -> Self {
        Self::JsonFile(Rotation::default())
    }
}

impl LogDriver {
    /// Docker's word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::JsonFile(_) => "json-file",
            Self::KubernetesFile(_) => "k8s-file",
            Self::Journald { .. } => "journald",
            Self::None => "none",
        }
    }

    /// How its files are rotated, if it has some.
    pub fn rotation(&self) -> Option<Rotation> {
        match self {
            Self::JsonFile(rotation) | Self::KubernetesFile(rotation) => Some(*rotation),
            Self::Journald { .. } | Self::None => None,
        }
    }
}

/// How many log files there are, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Bytes after which a new file is begun.
    pub max_size: Option<u64>,
    /// How many files are kept.
    pub max_files: u32,
}

impl Default for Rotation {
    /// Nobody's disk is filled by a container that talks much.
    fn default() -> Self {
        Self {
            max_size: Some(10 << 20),
            max_files: 3,
        }
    }
}
