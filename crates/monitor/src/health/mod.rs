//! Whether a container is well: when it is looked at, and what follows. A port or an address is
//! looked at over the network from the loop of the monitor (`connection.rs`), a file at once, and
//! only what is a program anyhow is one here too. What came of the last looks is in `results.rs`.

mod connection;
mod results;
mod watch;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use connection::Target;
pub use results::{Health, HealthResult};
pub(crate) use watch::HealthWatch;

/// The file in a run directory that says how its container is.
pub const HEALTH: &str = "health.json";

/// When and how a container is looked at. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What is looked at.
    #[serde(default)]
    pub look: Look,
    /// The program and its arguments, if it is one; it ends with 0 when the container is well.
    pub program: Vec<String>,
    /// The longest that a look over the network may take; a program knows it itself.
    #[serde(default)]
    pub timeout: u64,
    /// Between two looks.
    pub interval: u64,
    /// After the start: failures do not count.
    pub start_period: u64,
    /// Between two looks in the start period.
    pub start_interval: u64,
    /// So many failures in a row make it unhealthy.
    pub retries: u32,
    /// What is done then.
    pub on_failure: OnFailure,
    /// The number of the signal that asks the container to end.
    pub stop_signal: i32,
    /// How long it has to obey; `None` for ever.
    pub stop_timeout: Option<u64>,
}

/// What tells that a container is well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// A program.
    #[default]
    Program,
    /// Something that can be connected to.
    Network(Target),
    /// A path in the container that is there.
    File(PathBuf),
}

/// What is done with an unhealthy container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Nothing.
    #[default]
    None,
    /// It is killed and started again.
    Restart,
    /// It is asked to end.
    Stop,
    /// It is killed.
    Kill,
}
