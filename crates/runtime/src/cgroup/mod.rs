//! cgroups: where a container's groups are (`hierarchy`), making, entering and removing them
//! (`group`), what is written to limit them (`limits`, `further_limits`, `devices`), what they use
//! (`stats`, `oom`), groups below (`sub`), and standing still (`freezer`).

mod devices;
mod error;
mod freezer;
mod further_limits;
mod group;
pub(crate) mod hierarchy;
mod limits;
mod oom;
pub(crate) mod place;
mod stats;
mod sub;
mod unset;

pub use error::Error;
pub use group::{Cgroup, Member, Paths};
pub use oom::OomWatch;
pub use place::{is_only_v2, of_container, remove_by_path};
pub use stats::Stats;
pub use sub::SubCgroup;
