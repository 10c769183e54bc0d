//! Containers, one verb a file. A container is made of facts on disk (`record.rs`) and of what the
//! kernel knows at the moment; its status (`status.rs`) is derived from both (`live.rs`).

mod attach;
mod charge;
mod config;
mod create;
mod devices;
mod exec;
mod find;
mod id_range;
mod inspect;
mod kill;
mod launch;
mod layer;
mod limits;
mod list;
mod live;
mod logs;
mod mounts;
mod name;
mod oci_spec;
mod pause;
mod plan;
mod process;
mod record;
mod recover;
mod remove;
mod run;
mod sharing;
mod start;
mod status;
mod stop;
mod supervise;
mod user;
mod wait;

pub use attach::Streams;
pub use config::{
    ContainerConfig, LogDriver, Namespaces, Resources, Root, Seccomp, Sharing, Tmpfs, Volume,
};
pub use exec::ExecConfig;
pub use inspect::Inspection;
pub use launch::Started;
pub use live::Live;
pub use logs::{LogLine, Logs};
pub use process::Resolved;
pub use record::{ImageFacts, Overlay, Record};
pub use recover::Sweep;
pub use status::{Operation, Status};
pub use supervise::supervise;
