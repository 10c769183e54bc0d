//! Volumes: directories that outlive containers, by name. Who uses one is found in the records of
//! the containers.
//!
//! ```text
//! <data root>/volumes/<name>/volume.json   the facts
//!                           /_data         what containers see
//! ```

mod create;
mod fill;
mod prune;
mod remove;
mod volume;

pub(crate) use fill::fill;
pub(crate) use remove::remove_anonymous;
pub use volume::VolumeRecord;
pub(crate) use volume::check;
