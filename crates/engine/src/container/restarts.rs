//! Whether and when a container that ended is started again, by its policy, and the documents that
//! say so.
//!
//! ```text
//! <run directory>/restarts.json   how often, and whether the monitor waits to do it again
//! <data directory>/stopped        the user ended it: it is not started again until he does
//! ```

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::Durability;

use super::record::Record;
use crate::{Error, Paths};

/// When a container is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Whenever it ends, and after a boot.
    Always,
    /// The same, but not after a boot when the user had stopped it.
    UnlessStopped,
    /// When it ends with a failure, at most so often in a row.
    OnFailure {
        /// No limit without.
        most: Option<u32>,
    },
}

impl RestartPolicy {
    /// Docker's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Always => "always",
            Self::UnlessStopped => "unless-stopped",
            Self::OnFailure { .. } => "on-failure",
        }
    }

    /// How often it is tried; 0 is without a limit.
    pub fn most(self) -> u32 {
        match self {
            Self::OnFailure { most } => most.unwrap_or(0),
            _ => 0,
        }
    }
}

/// What is written down about restarts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Restarts {
    /// How often it was started again since the user did.
    pub(super) count: u32,
    /// Whether the monitor waits to start it.
    pub(super) waiting: bool,
}

/// The file of [`Restarts`] in a run directory.
pub(super) const RESTARTS: &str = "restarts.json";

/// Docker's pauses: doubled with each end that comes soon, up to a minute.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A life of this length makes the next pause the first one again.
const LONG_LIFE: Duration = Duration::from_secs(10);

/// The decisions about one container.
#[derive(Debug)]
pub(super) struct Plan {
    count: u32,
    pause: Duration,
    began: Instant,
}

impl Plan {
    pub(super) fn new() -> Self {
        Self {
            count: 0,
            pause: FIRST_PAUSE,
            began: Instant::now(),
        }
    }

    /// How often it was started again.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// How long to wait after an end with `code` before the next start; `None` for no next start.
    /// `demanded` is one that has to come whatever the policy says.
    pub(super) fn after(
        &mut self,
        policy: RestartPolicy,
        code: i32,
        demanded: bool,
    ) -> Option<Duration> {
        if self.began.elapsed() >= LONG_LIFE {
            self.pause = FIRST_PAUSE;
        }
        let again = match policy {
            RestartPolicy::No => false,
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure { most } => {
                code != 0 && most.is_none_or(|most| self.count < most)
            }
        };
        if !again && !demanded {
            return None;
        }
        let pause = self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.count = self.count.saturating_add(1);
        Some(pause)
    }

    /// The next life begins.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
    }
}

impl Restarts {
    /// Reads them; none for a container that was never started again.
    pub(super) fn read(paths: &Paths, id: &str) -> Result<Self, Error> {
        Ok(store::read_json(&paths.run_dir(id).join(RESTARTS))?.unwrap_or_default())
    }

    pub(super) fn write(&self, directory: &Path) -> Result<(), Error> {
        Ok(store::write_json(
            &directory.join(RESTARTS),
            self,
            Durability::Boot,
        )?)
    }
}

/// The mark of a container that its user ended.
pub(super) fn stopped_mark(paths: &Paths, id: &str) -> PathBuf {
    paths.data_dir(id).join("stopped")
}

/// Marks a container as ended by its user, if anybody would start it again.
pub(super) fn mark_stopped(paths: &Paths, record: &Record) -> Result<(), Error> {
    if record.ephemeral {
        return Ok(());
    }
    Ok(store::atomic_write(
        &stopped_mark(paths, &record.id),
        b"",
        Durability::Boot,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_a_failure_is_tried_so_often() {
        let mut plan = Plan::new();
        let ms = |pause: Option<Duration>| pause.map(|pause| pause.as_millis());
        let policy = RestartPolicy::OnFailure { most: Some(3) };
        for expected in [100, 200, 400] {
            assert_eq!(ms(plan.after(policy, 1, false)), Some(expected));
        }
        assert_eq!(plan.after(policy, 1, false), None);
        assert_eq!(plan.count(), 3);
        assert_eq!(plan.after(policy, 0, false), None);
        assert_eq!(ms(plan.after(RestartPolicy::Always, 0, false)), Some(800));
        assert_eq!(plan.after(RestartPolicy::No, 1, false), None);
        assert!(plan.after(RestartPolicy::No, 1, true).is_some());
        for _ in 0..10 {
            plan.after(RestartPolicy::Always, 0, false);
        }
        assert_eq!(
            plan.after(RestartPolicy::Always, 0, false),
            Some(LONGEST_PAUSE)
        );
    }
}
