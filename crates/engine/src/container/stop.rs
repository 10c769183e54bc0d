//! Ending a container: its own stop signal first, and after a while the one that nobody can catch.

use std::time::Duration;

use super::charge::Charge;
use super::kill::KILL;
use super::live::{Live, look};
use super::record::Record;
use super::status::{Operation, Status};
use super::wait::Watch;
use crate::{Engine, Error};

/// Docker's patience, in seconds.
const TIMEOUT: i64 = 10;

impl Engine {
    /// Stops a container. `timeout` is in seconds, negative for ever; its own, or 10, without.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`]; a runtime that cannot signal it.
    pub fn stop(&self, name: &str, timeout: Option<i64>) -> Result<Record, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        if !live.status.require(Operation::Stop, &record.name)? {
            return Ok(record);
        }
        let mut watch = Watch::new(self, &record);
        self.signal(&record, &live, record.process.stop_signal)?;
        if live.status == Status::Paused {
            // It cannot obey while it stands still.
            self.unpause(&record.id)?;
        }
        let timeout = timeout.or(record.config.stop_timeout).unwrap_or(TIMEOUT);
        let patience = u64::try_from(timeout).ok().map(Duration::from_secs);
        if watch.wait(patience)?.is_none() {
            self.kill_and_wait(&record, &live, watch)?;
        }
        // The monitor tells the end first, and then releases what the container held.
        Charge::wait_until_free(&self.paths, &record.id)?;
        Ok(record)
    }

    /// Kills a container and waits for its end.
    pub(super) fn kill_and_wait(
        &self,
        record: &Record,
        live: &Live,
        mut watch: Watch<'_>,
    ) -> Result<(), Error> {
        self.signal(record, live, KILL)?;
        match watch.wait(None) {
            // It was removed at its end.
            Err(Error::NoSuchContainer { .. }) => Ok(()),
            ended => ended.map(drop),
        }
    }
}
