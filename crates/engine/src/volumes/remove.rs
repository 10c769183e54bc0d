//! Removing volumes that nobody uses.

use super::volume::{self, uses};
use crate::events::{Event, note};
use crate::paths::UNFINISHED;
use crate::{Engine, Error, Paths, Record};

impl Engine {
    /// Removes a volume.
    ///
    /// # Errors
    /// [`Error::NoSuchVolume`]; [`Error::VolumeInUse`] names a container that uses it.
    pub fn remove_volume(&self, name: &str) -> Result<(), Error> {
        self.volume(name)?;
        let containers = self.list(true)?;
        if let Some((user, _)) = containers.iter().find(|(record, _)| uses(record, name)) {
            return Err(Error::VolumeInUse {
                name: name.to_owned(),
                container: user.name.clone(),
            });
        }
        remove(&self.paths, name)
    }
}

/// Takes a volume out of reach, then removes it.
fn remove(paths: &Paths, name: &str) -> Result<(), Error> {
    let directory = volume::directory(paths, name);
    let unfinished = paths.volumes().join(format!("{UNFINISHED}{name}"));
    match std::fs::rename(&directory, &unfinished) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        // Left by an earlier removal that was interrupted.
        Err(_) => store::remove_tree(&directory)?,
        Ok(()) => {}
    }
    store::remove_tree(&unfinished)?;
    note(paths, &[Event::of_volume(name, "destroy")]);
    Ok(())
}

/// Removes the volumes without a name that were made for this container.
pub(crate) fn remove_anonymous(paths: &Paths, record: &Record) -> Result<(), Error> {
    for volume in record
        .config
        .volumes
        .iter()
        .filter(|volume| volume.anonymous)
    {
        if let Some(name) = &volume.name {
            remove(paths, name)?;
        }
    }
    Ok(())
}
