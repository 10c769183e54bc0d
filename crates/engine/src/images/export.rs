//! Exporting a container's root as an archive.

use std::io::Write;

use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Writes all files of a container, as it sees them, to an archive. Nothing is mounted.
    ///
    /// # Errors
    /// An unknown container; the stream's.
    pub fn export(&self, name: &str, out: &mut dyn Write) -> Result<(), Error> {
        let record = self.find(name)?;
        let layers = match record.overlays.as_slice() {
            [overlay] => {
                let below = overlay.lower.iter().rev().cloned();
                below.chain([overlay.writable.join("upper")]).collect()
            }
            [] => match &record.config.root {
                crate::Root::Directory { path, .. } => vec![path.clone()],
                crate::Root::Image(_) => Vec::new(),
            },
            _ => {
                return Err(Error::Unsupported {
                    what: format!("exporting container {}", record.name),
                    why: "it has the host's own programs, which are no files of its own",
                });
            }
        };
        image::export(&layers, out)?;
        note(&self.paths, &[Event::of_container(&record, "export")]);
        Ok(())
    }
}
