//! Exporting a container's root as an archive.

use std::io::Write;
use std::path::PathBuf;

use image::Placed;

use crate::container::{Overlay, Record};
use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Writes all files of a container, as it sees them, to an archive. Nothing is mounted.
    ///
    /// # Errors
    /// An unknown container; the stream's.
    pub fn export(&self, name: &str, out: &mut dyn Write) -> Result<(), Error> {
        let record = self.find(name)?;
        let stacks = match &record.config.root {
            crate::Root::Directory { path, .. } if record.overlays.is_empty() => {
                vec![(PathBuf::new(), vec![path.clone()])]
            }
            _ => stacks(&record),
        };
        image::export(&stacks, out)?;
        note(&self.paths, &[Event::of_container(&record, "export")]);
        Ok(())
    }
}

/// The layers of each of a container's overlays, with what it wrote, where they are seen.
pub(super) fn stacks(record: &Record) -> Vec<Placed> {
    let stack = |overlay: &Overlay| {
        let place = overlay.target.strip_prefix("/").unwrap_or(&overlay.target);
        let below = overlay.lower.iter().rev().cloned();
        let layers = below.chain([overlay.writable.join("upper")]);
        (place.to_owned(), layers.collect())
    };
    record.overlays.iter().map(stack).collect()
}
