//! Making a container and starting it in one go: its monitor gets up while the container is made.

use super::attach::Streams;
use super::charge::Charge;
use super::config::ContainerConfig;
use super::launch::Started;
use super::recover;
use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Makes a container and starts it. With `streams` the socket is attached from the first byte
    /// on.
    ///
    /// # Errors
    /// As [`Engine::create`]; [`Error::NotStarted`] when its program could not be run: the
    /// container stays then, unless it is to be removed at its end.
    pub fn run(&self, config: ContainerConfig, streams: Option<Streams>) -> Result<Started, Error> {
        let images = self.image_store();
        let ephemeral = config.auto_remove;
        let prepared = self.prepare_creation(config, &images, ephemeral)?;
        let charge = Charge::take_new(&self.paths, prepared.id())?;
        let made = self
            .spawn_monitor(prepared.config(), &charge, prepared.id())
            .and_then(|waiting| Ok((waiting, self.build(&charge, &prepared)?)));
        match made {
            Ok((waiting, record)) => {
                drop(prepared);
                let event = |action| Event::of_container(&record, action);
                let attached = streams.map(|_| event("attach"));
                let events = std::iter::once(event("create")).chain(attached);
                note(&self.paths, &events.collect::<Vec<_>>());
                self.launch(record, charge, waiting, streams)
            }
            Err(error) => {
                // The first error is the one to tell; what stays is swept.
                let _ = recover::clear_away(&self.paths, charge, prepared.id());
                Err(error)
            }
        }
    }
}
