//! Ending a container and starting it again.

use super::launch::Started;
use super::status::Status;
use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Restarts a container; one that does not run is only started. `timeout` and `signal` are
    /// those of [`Engine::stop`].
    ///
    /// # Errors
    /// As [`Engine::stop`] and [`Engine::start`].
    pub fn restart(
        &self,
        name: &str,
        timeout: Option<i64>,
        signal: Option<i32>,
    ) -> Result<Option<Started>, Error> {
        let record = self.find(name)?;
        if record.config.auto_remove {
            return Err(Error::Unsupported {
                what: format!("restarting container {}", record.name),
                why: "it is removed at its end",
            });
        }
        if super::live::look(&self.paths, &record)?.status != Status::Created {
            self.stop(&record.id, timeout, signal)?;
        }
        let started = self.start(&record.id, None)?;
        note(&self.paths, &[Event::of_container(&record, "restart")]);
        Ok(started)
    }
}
