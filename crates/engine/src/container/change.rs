//! Changing what the record of a container says after it was made: one changer at a time, and
//! never a container that is just being removed.

use std::path::PathBuf;

use store::{Durability, Lock};

use super::find::{self, RECORD};
use super::record::Record;
use super::recover::FORGOTTEN;
use crate::claim::lock;
use crate::{Engine, Error};

impl Engine {
    /// Changes the record of a container and gives back the new one.
    pub(super) fn change(
        &self,
        record: &Record,
        change: impl FnOnce(&mut Record) -> Result<(), Error>,
    ) -> Result<Record, Error> {
        let lock = lock(&self.paths.names())?;
        self.change_locked(record, &lock, change)
    }

    /// As [`Engine::change`], for somebody who has the lock of the names.
    pub(super) fn change_locked(
        &self,
        record: &Record,
        _lock: &Lock,
        change: impl FnOnce(&mut Record) -> Result<(), Error>,
    ) -> Result<Record, Error> {
        let missing = || Error::NoSuchContainer {
            name: record.name.clone(),
        };
        let mut fresh = find::record(&self.paths, &record.id)?.ok_or_else(missing)?;
        change(&mut fresh)?;
        let path = self.record_path(&fresh);
        let durability = match fresh.ephemeral {
            true => Durability::Boot,
            false => Durability::Durable,
        };
        match store::write_json(&path, &fresh, durability) {
            Err(error) if error.errno() == Some(rustix::io::Errno::NOENT) => Err(missing()),
            written => Ok(written?),
        }?;
        if path.with_file_name(FORGOTTEN).exists() {
            // It was removed meanwhile; our document came after it.
            store::remove_tree(&path)?;
            return Err(missing());
        }
        Ok(fresh)
    }

    fn record_path(&self, record: &Record) -> PathBuf {
        let directory = match record.ephemeral {
            true => self.paths.run_dir(&record.id),
            false => self.paths.data_dir(&record.id),
        };
        directory.join(RECORD)
    }
}
