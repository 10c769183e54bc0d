//! When something is due.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::event::Timespec;

/// Things with a token each, and the moments at which they are due.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Instant, u64)>);

impl Timers {
    pub(crate) fn set(&mut self, at: Instant, token: u64) {
        self.0.insert((at, token));
    }

    pub(crate) fn clear(&mut self, at: Instant, token: u64) {
        self.0.remove(&(at, token));
    }

    /// Something that is due now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<u64> {
        let (at, token) = *self.0.first()?;
        if at > now {
            return None;
        }
        self.0.remove(&(at, token));
        Some(token)
    }

    /// How long nothing is due, at most `longest`.
    pub(crate) fn pause(&self, now: Instant, longest: Option<Duration>) -> Option<Timespec> {
        let next = self
            .0
            .first()
            .map(|(at, _)| at.saturating_duration_since(now));
        let pause = next.into_iter().chain(longest).min()?;
        // A moment more, so that it is due then.
        (pause + Duration::from_millis(1)).try_into().ok()
    }
}
