//! Reading events: those that the trail still has, and on as they come.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use store::TrailReader;

use super::Event;
use crate::{Engine, Error};

/// Which events are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventRange {
    /// Those from here on that the trail still has; only new ones without.
    pub since: Option<SystemTime>,
    /// None after this; all that will ever come without.
    pub until: Option<SystemTime>,
}

/// Events, one after the other.
#[derive(Debug)]
pub struct Events {
    trail: TrailReader,
    range: EventRange,
    /// When `until` comes by the clock that nobody sets.
    deadline: Option<Instant>,
}

impl Engine {
    /// Reads events.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a range that ends before it begins.
    pub fn events(&self, range: EventRange) -> Result<Events, Error> {
        if let (Some(since), Some(until)) = (range.since, range.until)
            && until < since
        {
            return Err(Error::Invalid {
                what: "range of time",
                why: "until is before since".to_owned(),
            });
        }
        let mut trail = TrailReader::open(&self.paths.events())?;
        if range.since.is_none() {
            while trail.next_line()?.is_some() {}
        }
        let left = |until: SystemTime| until.duration_since(SystemTime::now()).unwrap_or_default();
        Ok(Events {
            trail,
            range,
            deadline: range.until.map(|until| Instant::now() + left(until)),
        })
    }
}

impl Engine {
    /// The ids of all containers that the trail tells of.
    pub(crate) fn told_containers(&self) -> Result<BTreeSet<String>, Error> {
        let mut trail = TrailReader::open(&self.paths.events())?;
        let mut ids = BTreeSet::new();
        while let Some(line) = trail.next_line()? {
            if let Ok(event) = serde_json::from_slice::<Event>(&line)
                && event.kind == "container"
            {
                ids.insert(event.actor.id);
            }
        }
        Ok(ids)
    }
}

impl Events {
    /// The next event, which is waited for; `None` when no more are wanted.
    ///
    /// # Errors
    /// When the trail cannot be read.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let is_over = self
                .deadline
                .is_some_and(|deadline| deadline <= Instant::now());
            while let Some(line) = self.trail.next_line()? {
                // A line that a full disk cut short is passed over.
                let Ok(event) = serde_json::from_slice::<Event>(&line) else {
                    continue;
                };
                let time = UNIX_EPOCH + Duration::from_nanos(event.time_nano);
                let is_early = self.range.since.is_some_and(|since| time < since);
                let is_late = self.range.until.is_some_and(|until| time > until);
                if !is_early && !is_late {
                    return Ok(Some(event));
                }
            }
            if is_over {
                return Ok(None);
            }
            self.trail.wait(self.deadline)?;
        }
    }
}
