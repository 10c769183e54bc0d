//! Letting a container's processes stand still, and go on.

use std::path::Path;

use super::live::look;
use super::record::Record;
use super::status::Operation;
use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Freezes a container.
    ///
    /// # Errors
    /// [`Error::Status`] unless it runs.
    pub fn pause(&self, name: &str) -> Result<Record, Error> {
        self.freeze_or_thaw(name, Operation::Pause, runtime::pause)
    }

    /// Thaws a container.
    ///
    /// # Errors
    /// [`Error::Status`] unless it is paused.
    pub fn unpause(&self, name: &str) -> Result<Record, Error> {
        self.freeze_or_thaw(name, Operation::Unpause, runtime::resume)
    }

    fn freeze_or_thaw(
        &self,
        name: &str,
        operation: Operation,
        act: impl Fn(&Path, &str) -> Result<(), runtime::Error>,
    ) -> Result<Record, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        live.status.require(operation, &record.name)?;
        if let Err(source) = act(&self.paths.run_containers(), &record.id) {
            // It may have ended meanwhile, which is then the reason.
            let now = look(&self.paths, &record)?;
            now.status.require(operation, &record.name)?;
            let name = record.name.clone();
            if now.pid != live.pid {
                // Somebody started it again.
                return Err(Error::Busy { name });
            }
            return Err(Error::Runtime { name, source });
        }
        let action = operation.to_string();
        note(&self.paths, &[Event::of_container(&record, &action)]);
        Ok(record)
    }
}
