//! Finding a container by what the user calls it: its id, its name, or the beginning of its id.

use store::names;

use super::record::Record;
use crate::{Engine, Error, Paths};

/// The file with a container's facts, in its run directory or in its data directory.
pub(super) const RECORD: &str = "record.json";

/// The record of the container with this id; `None` when there is none, or it is only half made.
pub(crate) fn record(paths: &Paths, id: &str) -> Result<Option<Record>, Error> {
    match store::read_json(&paths.data_dir(id).join(RECORD))? {
        Some(record) => Ok(Some(record)),
        None => Ok(store::read_json(&paths.run_dir(id).join(RECORD))?),
    }
}

impl Engine {
    /// Finds a container.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`]; [`Error::AmbiguousContainer`] for the beginning of several ids.
    pub fn find(&self, name: &str) -> Result<Record, Error> {
        let missing = || Error::NoSuchContainer {
            name: name.to_owned(),
        };
        // A name is never a path.
        if name.is_empty() || name.starts_with('.') || name.contains('/') {
            return Err(missing());
        }
        if let Some(id) = names::resolve(&self.paths.names(), name)?
            && let Some(record) = record(&self.paths, &id)?
            // The claim of a container that is gone may be somebody else's by now.
            && record.name == name
        {
            return Ok(record);
        }
        if !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing());
        }
        if let Some(record) = record(&self.paths, name)? {
            return Ok(record);
        }
        let id = match names::lookup(&self.paths.data_containers(), name) {
            Err(store::Error::Ambiguous { prefix }) => {
                return Err(Error::AmbiguousContainer { prefix });
            }
            found => found?.ok_or_else(missing)?,
        };
        record(&self.paths, &id)?.ok_or_else(missing)
    }
}
