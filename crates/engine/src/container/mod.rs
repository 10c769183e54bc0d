//! Containers, one verb a file. A container is made of facts on disk (`record.rs`) and of what the
//! kernel knows at the moment; its status (`status.rs`) is derived from both (`live.rs`).

mod after_boot;
mod announce;
mod attach;
mod change;
mod charge;
mod check;
mod config;
mod connect;
mod copy;
mod cpuset;
mod create;
mod debug;
mod devices;
mod docker_profile;
mod enter;
mod exec;
mod explain;
mod find;
mod furnish;
mod health;
mod id_range;
mod image_mounts;
mod inspect;
mod kill;
mod lacking;
mod launch;
mod layer;
mod limits;
mod list;
mod live;
mod logs;
mod mounts;
mod name;
mod network_settings;
mod networking;
mod oci_spec;
mod pause;
mod plan;
mod process;
mod prune;
mod publish;
mod record;
mod recover;
mod remove;
mod resolver;
mod restart;
mod restarts;
mod run;
mod sharing;
mod size;
mod start;
mod stats;
mod status;
mod stop;
mod supervise;
mod top;
mod update;
mod user;
mod volumes;
mod wait;

pub use after_boot::StartedAgain;
pub use attach::Streams;
pub(crate) use charge::Charge;
pub use config::{
    BlockLimit, BlockLimitKind, ContainerConfig, DeviceWish, LogDriver, Namespaces, NetworkWish,
    PortWish, Resources, Root, Rotation, Seccomp, Sharing, Tmpfs, Volume,
};
pub use copy::{Copied, CopyOptions, Meter};
pub use docker_profile::DockerProfile;
pub use enter::EnterConfig;
pub use exec::{Exec, ExecConfig, ExecSession};
pub(crate) use explain::attachment;
pub use explain::{
    Attachment, Control, Directory, Explanation, IdMaps, Layer, Monitor, Mounted, PublishedPort,
    Rights, RootPart, Space, Use, Whose,
};
pub(crate) use find::record as find_record;
pub use health::{HealthConfig, HealthTest};
pub use image_mounts::{ImageMount, MountedImage};
pub use inspect::Inspection;
pub use launch::Started;
pub use live::Live;
pub use logs::{LogLine, LogRange, Logs};
pub(crate) use name::has as is_claimed_by;
pub(crate) use networking::{Connection, connections, endpoint_id};
pub(crate) use oci_spec::CGROUP_PREFIX;
pub use process::Resolved;
pub use publish::parse_ports;
pub use record::{ImageFacts, Overlay, Record};
pub use recover::Sweep;
pub(crate) use recover::clear_up;
pub use restarts::RestartPolicy;
pub(crate) use size::bytes_in;
pub use stats::Usage;
pub use status::{Operation, Status};
pub use supervise::supervise;
pub use top::Task;
pub use update::Update;
