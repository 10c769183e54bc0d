//! Removing every container that does not run.

use super::record::Record;
use super::status::Status;
use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Removes the containers that do not run and are meant; gives back their ids and how many
    /// bytes that freed.
    ///
    /// # Errors
    /// When the containers cannot be listed.
    pub fn prune_containers(
        &self,
        is_meant: impl Fn(&Record) -> bool,
    ) -> Result<(Vec<String>, u64), Error> {
        let (mut removed, mut freed) = (Vec::new(), 0);
        for (record, live) in self.list(true)? {
            let is_stopped = matches!(live.status, Status::Created | Status::Exited);
            if !is_stopped || record.config.auto_remove || !is_meant(&record) {
                continue;
            }
            let written = self.written(&record);
            // Somebody may just have started or removed it.
            if self.remove(&record.id, false, false).is_ok() {
                removed.push(record.id);
                freed += written;
            }
        }
        note(&self.paths, &[Event::of_prune("container", freed)]);
        Ok((removed, freed))
    }
}
