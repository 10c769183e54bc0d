//! All containers, newest first.

use std::path::Path;

use super::find;
use super::live::{Live, look};
use super::record::Record;
use crate::{Engine, Error};

impl Engine {
    /// The containers that run, or all of them.
    ///
    /// # Errors
    /// When the roots cannot be read.
    pub fn list(&self, all: bool) -> Result<Vec<(Record, Live)>, Error> {
        let directory = match all {
            true => self.paths.data_containers(),
            // Whatever runs has a run directory.
            false => self.paths.run_containers(),
        };
        let mut found = Vec::new();
        for id in ids(&directory)? {
            let Some(record) = find::record(&self.paths, &id)? else {
                continue;
            };
            let live = look(&self.paths, &record)?;
            if all || live.status.is_up() {
                found.push((record, live));
            }
        }
        // The form of the times sorts as text.
        found.sort_by(|(a, _), (b, _)| b.created.cmp(&a.created));
        Ok(found)
    }
}

fn ids(directory: &Path) -> Result<Vec<String>, Error> {
    let failed = |error| Error::io("reading", directory, error);
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut ids = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string()
            && !name.starts_with('.')
        {
            ids.push(name);
        }
    }
    Ok(ids)
}
