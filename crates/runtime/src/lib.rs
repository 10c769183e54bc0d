//! The OCI runtime: one container from one bundle, one verb a file. It knows nothing of images,
//! names, networks or servers; whoever calls it says which bundle.

mod bundle;
pub mod capabilities;
pub mod cgroup;
mod container;
mod create;
mod credentials;
mod delete;
mod error;
mod exec;
mod executable;
mod features;
mod hooks;
mod id_map;
mod init;
mod kill;
mod namespaces;
mod pause;
mod plan;
mod process;
mod refused;
mod rlimits;
mod rootfs;
pub mod seccomp;
mod start;
mod state;
mod status;
mod stdio;
mod sysctl;
mod terminal;
mod unshare;

pub use bundle::load;
pub use container::{Record, is_valid_id};
pub use create::{Created, Request, create};
pub use delete::{delete, release};
pub use error::{Error, Fault};
pub use exec::{ExecRequest, exec};
pub use features::features;
pub use init::Step;
pub use kill::kill;
pub use pause::{pause, resume};
pub use process::{Exit, Process};
pub use start::start;
pub use state::{inspect, list, processes, state};
pub use stdio::Stdio;
pub use unshare::{UnshareRequest, unshare};
