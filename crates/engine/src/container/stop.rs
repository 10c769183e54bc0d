//! Ending a container: its own stop signal first, and after a while the one that nobody can catch.

use std::time::Duration;

use super::charge::Charge;
use super::kill::KILL;
use super::live::{Live, look};
use super::record::Record;
use super::restarts::mark_stopped;
use super::status::{Operation, Status};
use super::wait::Watch;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// Docker's patience, in seconds.
pub(super) const TIMEOUT: i64 = 10;

/// How long it is napped while a monitor releases what its container held.
const NAP: Duration = Duration::from_millis(1);

/// After this time it is looked what keeps a container from dying.
const IMPATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// Stops a container. `timeout` is in seconds, negative for ever; its own, or 10, without.
    /// `signal` takes the place of its own.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`]; a runtime that cannot signal it.
    pub fn stop(
        &self,
        name: &str,
        timeout: Option<i64>,
        signal: Option<i32>,
    ) -> Result<Record, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        if !live.status.require(Operation::Stop, &record.name)? {
            return Ok(record);
        }
        self.keep_ended(&record)?;
        let mut watch = Watch::new(self, &record);
        if live.status == Status::Restarting {
            // The monitor looks at the mark when somebody connects.
            watch.wait(None)?;
            self.wait_until_released(&record, &live)?;
            note(&self.paths, &[Event::of_container(&record, "stop")]);
            return Ok(record);
        }
        let signal = signal.unwrap_or(record.process.stop_signal);
        self.signal(&record, &live, signal, "stop")?;
        if live.status == Status::Paused {
            // It cannot obey while it stands still.
            self.unpause(&record.id)?;
        }
        let timeout = timeout.or(record.config.stop_timeout).unwrap_or(TIMEOUT);
        let patience = u64::try_from(timeout).ok().map(Duration::from_secs);
        if watch.wait(patience)?.is_none() {
            self.kill_and_wait(&record, &live, watch, "stop")?;
        }
        self.wait_until_released(&record, &live)?;
        note(&self.paths, &[Event::of_container(&record, "stop")]);
        Ok(record)
    }

    /// The monitor tells the end first, and then releases what the container held. Somebody who
    /// starts it again at once holds it for as long as it runs, and is not waited for.
    fn wait_until_released(&self, record: &Record, before: &Live) -> Result<(), Error> {
        while Charge::is_held(&self.paths, &record.id)? {
            let now = look(&self.paths, record)?;
            if now.pid.is_some() && now.pid != before.pid {
                break;
            }
            std::thread::sleep(NAP);
        }
        Ok(())
    }

    /// Sees to it that nobody starts a container again that its user ends.
    pub(super) fn keep_ended(&self, record: &Record) -> Result<(), Error> {
        match record.may_restart() {
            true => mark_stopped(&self.paths, record),
            false => Ok(()),
        }
    }

    /// Kills a container and waits for its end.
    pub(super) fn kill_and_wait(
        &self,
        record: &Record,
        live: &Live,
        mut watch: Watch<'_>,
        by: &str,
    ) -> Result<(), Error> {
        let mut live = live.clone();
        loop {
            self.signal(record, &live, KILL, by)?;
            match watch.wait(Some(IMPATIENCE)) {
                Ok(Some(_)) => return Ok(()),
                // It was removed at its end.
                Err(Error::NoSuchContainer { .. }) => return Ok(()),
                Err(error) => return Err(error),
                // Somebody may have let it stand still in between, and so it does not die.
                Ok(None) => live = look(&self.paths, record)?,
            }
        }
    }
}
