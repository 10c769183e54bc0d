//! cgroups: where a container's groups are (`hierarchy`), making, entering and removing them
//! (`group`), what is written to limit them (`limits`, `further_limits`, `devices`) and what stands
//! there (`settings`), what they use
//! (`stats`, `totals`, `oom`), groups below (`sub`), and standing still (`freezer`). Who makes them says
//! `manager`, how systemd does so `systemd`.

mod devices;
mod error;
mod found;
mod freezer;
mod further_limits;
mod group;
pub(crate) mod hierarchy;
mod limits;
mod manager;
mod oom;
pub(crate) mod place;
mod remove;
mod settings;
mod stats;
mod sub;
mod systemd;
mod totals;
mod unset;

pub use error::Error;
pub use found::{find_named, is_empty};
pub use group::{Cgroup, Member, Paths};
pub use manager::{Bus, Manager};
pub use oom::OomWatch;
pub(crate) use place::refuse_limits;
pub use place::{Made, is_only_v2, of_container, remove_by_path};
pub use settings::Setting;
pub use stats::{Pressure, PressureLine, Stats};
pub use sub::SubCgroup;
pub use systemd::Unit;
pub use totals::Totals;
