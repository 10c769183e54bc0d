//! The facts about a volume, finding one, and who uses it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Engine, Error, Paths, Record};

/// A volume, with Docker's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeRecord {
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// Always `local`.
    pub driver: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The directory that containers see.
    pub mountpoint: PathBuf,
    /// Its name; 64 digits for one that was made without.
    pub name: String,
    /// Always `local`.
    pub scope: String,
    /// Whether it was made without a name, for one container.
    #[serde(default)]
    pub anonymous: bool,
}

/// The file with the facts.
pub(super) const VOLUME: &str = "volume.json";

/// Where the volume `name` is.
pub(super) fn directory(paths: &Paths, name: &str) -> PathBuf {
    paths.volumes().join(name)
}

/// Docker's rule; it also keeps a name from being a path.
pub(crate) fn check(name: &str) -> Result<(), Error> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let starts_well = name
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_alphanumeric);
    if starts_well && name.len() > 1 && name.len() <= 255 && name.bytes().all(is_valid) {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "volume name",
        why: format!("{name:?}: expected at least two of [a-zA-Z0-9_.-], a letter or digit first"),
    })
}

/// The volume `name`; `None` when there is none.
pub(super) fn read(paths: &Paths, name: &str) -> Result<Option<VolumeRecord>, Error> {
    Ok(store::read_json(&directory(paths, name).join(VOLUME))?)
}

/// Whether a container uses the volume `name`.
pub(super) fn uses(record: &Record, name: &str) -> bool {
    let mut volumes = record.config.volumes.iter();
    volumes.any(|volume| volume.name.as_deref() == Some(name))
}

impl Engine {
    /// Finds a volume.
    ///
    /// # Errors
    /// [`Error::NoSuchVolume`].
    pub fn volume(&self, name: &str) -> Result<VolumeRecord, Error> {
        let missing = || Error::NoSuchVolume {
            name: name.to_owned(),
        };
        check(name).map_err(|_| missing())?;
        read(&self.paths, name)?.ok_or_else(missing)
    }

    /// All volumes by their names, each with the ids of the containers that use it.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn volumes(&self) -> Result<Vec<(VolumeRecord, Vec<String>)>, Error> {
        let containers = self.list(true)?;
        let users = |name: &str| {
            let users = containers.iter().filter(|(record, _)| uses(record, name));
            users.map(|(record, _)| record.id.clone()).collect()
        };
        let mut found = Vec::new();
        for name in names(&self.paths.volumes())? {
            if let Some(volume) = read(&self.paths, &name)? {
                let users = users(&name);
                found.push((volume, users));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(found)
    }
}

fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| Error::io("reading", directory, error))?,
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| !name.starts_with('.')).collect())
}
