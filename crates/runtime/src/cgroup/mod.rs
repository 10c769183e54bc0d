//! cgroups: where a container's groups are (`hierarchy`), making, entering and removing them
//! (`group`), what is written to limit them (`limits`, `further_limits`, `devices`), and standing still
//! (`freezer`).

mod devices;
mod error;
mod freezer;
mod further_limits;
mod group;
mod hierarchy;
mod limits;
mod place;

pub use error::Error;
pub use group::{Cgroup, Member, Paths};
pub use place::{of_container, remove_by_path};
