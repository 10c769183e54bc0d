//! Starting a container that exists, and taking charge of one for whatever else.

use super::attach::Streams;
use super::charge::Charge;
use super::launch::Started;
use super::live::look;
use super::record::Record;
use super::recover;
use super::status::Operation;
use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Starts a container; `None` when it runs already. With `streams` the socket is attached from
    /// the first byte on.
    ///
    /// # Errors
    /// [`Error::NotStarted`] when its program could not be run, and [`Error::Status`].
    pub fn start(&self, name: &str, streams: Option<Streams>) -> Result<Option<Started>, Error> {
        let record = self.find(name)?;
        self.unpack_lost(&record)?;
        let Some(charge) = self.take_charge(&record, Operation::Start)? else {
            return Ok(None);
        };
        if streams.is_some() {
            note(&self.paths, &[Event::of_container(&record, "attach")]);
        }
        let id = record.id.clone();
        match self.spawn_monitor(&record.config, &charge, &id) {
            Ok(waiting) => self.launch(record, charge, waiting, streams).map(Some),
            Err(error) => {
                // The first error is the one to tell; what stays is swept.
                let _ = recover::clear_up(&self.paths, charge, &id);
                Err(error)
            }
        }
    }
}

impl Engine {
    /// Unpacks the layers of its image that a crash of the machine took.
    fn unpack_lost(&self, record: &Record) -> Result<(), Error> {
        for mounted in &record.mounted_images {
            if !mounted.overlay.lower.iter().all(|layer| layer.is_dir()) {
                let images = self.image_store();
                images.share()?.stack(&mounted.image.id, None)?;
            }
        }
        let lower = record.overlays.iter().flat_map(|overlay| &overlay.lower);
        let is_complete = lower.into_iter().all(|layer| layer.is_dir());
        match &record.image {
            Some(image) if !is_complete && !image.id.is_empty() => {
                let images = self.image_store();
                images.share()?.stack(&image.id, None)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes charge of a container that does not run, for `operation`; `None` when there is
    /// nothing to do. Somebody who is just starting, ending or removing it is waited for a while.
    pub(super) fn take_charge(
        &self,
        record: &Record,
        operation: Operation,
    ) -> Result<Option<Charge>, Error> {
        for _ in 0..PATIENCE {
            let live = look(&self.paths, record)?;
            if !live.status.require(operation, &record.name)? {
                return Ok(None);
            }
            if let Some(charge) = Charge::take(&self.paths, &record.id)? {
                return self.check_charge(charge, record).map(Some);
            }
            std::thread::sleep(NAP);
        }
        Err(Error::Busy {
            name: record.name.clone(),
        })
    }

    /// Clears up after a monitor that was killed, and makes sure that the container still exists.
    fn check_charge(&self, charge: Charge, record: &Record) -> Result<Charge, Error> {
        let is_there = super::find::record(&self.paths, &record.id)?.is_some();
        if !is_there {
            charge.give_up()?;
            return Err(Error::NoSuchContainer {
                name: record.name.clone(),
            });
        }
        recover::release(&self.paths, &charge, &record.id)?;
        Ok(charge)
    }
}

/// How often, and how long each time, somebody else's charge is waited for: 10 seconds.
const PATIENCE: u32 = 2000;
const NAP: std::time::Duration = std::time::Duration::from_millis(5);
