//! Making a volume: beside the others first, and under its name when it is whole.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use store::{Durability, Id};

use super::volume::{self, VOLUME, VolumeRecord};
use crate::events::{Event, note};
use crate::paths::UNFINISHED;
use crate::{Engine, Error};

impl Engine {
    /// Makes a volume, or finds the one that has this name already; without a name it gets one of
    /// 64 digits. The second value says whether it is new.
    ///
    /// # Errors
    /// A name that is none.
    pub fn create_volume(
        &self,
        name: Option<&str>,
        labels: BTreeMap<String, String>,
    ) -> Result<(VolumeRecord, bool), Error> {
        let id = Id::random();
        let anonymous = name.is_none();
        let name = name.unwrap_or(id.as_str());
        volume::check(name)?;
        if let Some(volume) = volume::read(&self.paths, name)? {
            return Ok((volume, false));
        }
        let directory = volume::directory(&self.paths, name);
        let unfinished = self
            .paths
            .volumes()
            .join(format!("{UNFINISHED}{}", id.as_str()));
        let volume = VolumeRecord {
            created_at: store::time::now_rfc3339(),
            driver: "local".to_owned(),
            labels,
            mountpoint: directory.join("_data"),
            name: name.to_owned(),
            scope: "local".to_owned(),
            anonymous,
        };
        make(&self.paths.volumes(), 0o711, true)?;
        make(&unfinished, 0o711, false)?;
        make(&unfinished.join("_data"), 0o755, false)?;
        store::write_json(&unfinished.join(VOLUME), &volume, Durability::Durable)?;
        match std::fs::rename(&unfinished, &directory) {
            Ok(()) => {
                note(&self.paths, &[Event::of_volume(name, "create")]);
                Ok((volume, true))
            }
            Err(error) => {
                store::remove_tree(&unfinished)?;
                // Somebody else has just made it.
                let theirs = volume::read(&self.paths, name)?;
                theirs
                    .map(|theirs| (theirs, false))
                    .ok_or_else(|| Error::io("naming", &directory, error))
            }
        }
    }
}

fn make(directory: &Path, mode: u32, with_parents: bool) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder
        .mode(mode)
        .recursive(with_parents)
        .create(directory)
        .map_err(|error| Error::io("making", directory, error))
}
