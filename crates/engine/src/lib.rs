//! The engine: containers and images, where the primitives meet. Front doors call it; it never
//! prints, reads no environment variables and starts no threads. Everything it has to know of its
//! surroundings is passed to [`Engine::open`].

mod check;
mod claim;
mod container;
mod disk_usage;
mod error;
mod events;
mod host;
mod images;
mod info;
mod kind;
mod networks;
mod paths;
mod prepare;
mod program;
mod volumes;

pub use check::{Checked, Owned};
pub use container::*;
pub use disk_usage::{DiskLine, ImageDisk};
pub use error::Error;
pub use events::{Actor, Event, EventRange, Events};
pub use host::Host;
pub use images::{
    CommitRequest, ContainerChange, HistoryLine, ImageInspection, ImageSummary, ImportRequest,
    LayerLine, PullRequest, PullResult, PushRequest, PushResult, RemovedImage, settle,
};
pub use info::Info;
pub use ipnet::IpNet;
pub use kind::Kind;
pub use network::{Counted, Filter, Interface, Port, Protocol, Rate, Rates, Traffic, parse_mac};
pub use networks::{
    Device, NetworkExplanation, NetworkInspection, NetworkRecord, NetworkRequest, Pool, Rules,
    serve_names,
};
pub use paths::{Paths, RUN_ROOT};
pub use program::{MONITOR_VERB, NAMES_LOCK, NAMES_VERB, PROBE_VERB, SETTLE_VERB};
pub use volumes::VolumeRecord;

/// One installation of wharf: where it keeps things, and what its caller may do. Each verb is a
/// method, defined in the file of its name.
#[derive(Debug, Clone)]
pub struct Engine {
    paths: Paths,
    host: Host,
    cgroup_manager: runtime::cgroup::Manager,
}
