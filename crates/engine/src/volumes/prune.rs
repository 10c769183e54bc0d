//! Removing every volume that nobody uses.

use super::VolumeRecord;
use crate::container::bytes_in;
use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Removes the volumes that no container uses and that are meant; gives back their names and
    /// how many bytes that freed.
    ///
    /// # Errors
    /// When the volumes cannot be listed.
    pub fn prune_volumes(
        &self,
        is_meant: impl Fn(&VolumeRecord) -> bool,
    ) -> Result<(Vec<String>, u64), Error> {
        let (mut removed, mut freed) = (Vec::new(), 0);
        for (volume, users) in self.volumes()? {
            if !users.is_empty() || !is_meant(&volume) {
                continue;
            }
            let size = bytes_in(&volume.mountpoint);
            // Somebody may just have begun to use it.
            if self.remove_volume(&volume.name).is_ok() {
                removed.push(volume.name);
                freed += size;
            }
        }
        note(&self.paths, &[Event::of_prune("volume", freed)]);
        Ok((removed, freed))
    }
}
