//! Removing a container.

use super::find;
use super::live::look;
use super::record::Record;
use super::recover;
use super::status::{Operation, Status};
use super::wait::Watch;
use crate::volumes::remove_anonymous;
use crate::{Engine, Error};

impl Engine {
    /// Removes a container; `force` kills it first. With `volumes` those go too that were made
    /// for it alone.
    ///
    /// # Errors
    /// [`Error::Status`] for one that runs, unless `force` is given.
    pub fn remove(&self, name: &str, force: bool, volumes: bool) -> Result<Record, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        if force {
            self.keep_ended(&record)?;
        }
        if force && matches!(live.status, Status::Running | Status::Paused) {
            let watch = Watch::new(self, &record);
            self.kill_and_wait(&record, &live, watch, "rm")?;
        } else if force && live.status == Status::Restarting {
            self.stop(&record.id, None, None)?;
        }
        if find::record(&self.paths, &record.id)?.is_none() {
            // It was to be removed at its end, and somebody else did.
            return Ok(record);
        }
        match self.take_charge(&record, Operation::Remove) {
            Ok(Some(charge)) => recover::clear_away(&self.paths, charge, &record.id)?,
            Ok(None) => {}
            Err(Error::NoSuchContainer { .. }) if record.config.auto_remove => {}
            Err(error) => return Err(error),
        }
        if volumes {
            remove_anonymous(&self.paths, &record)?;
        }
        Ok(record)
    }
}
