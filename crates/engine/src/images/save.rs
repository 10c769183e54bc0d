//! Saving images to an archive.

use std::io::Write;

use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Writes images to an archive.
    ///
    /// # Errors
    /// An unknown image; the stream's.
    pub fn save(&self, images: &[String], out: &mut dyn Write) -> Result<(), Error> {
        let store = self.image_store();
        let shared = store.share()?;
        let found: Result<Vec<_>, _> = images.iter().map(|name| store.find(name)).collect();
        let found = found?;
        shared.save(&found, out)?;
        let events = found.iter().map(|found| {
            let id = found.image.id.to_string();
            Event::of_image(&id, &id, "save")
        });
        note(&self.paths, &events.collect::<Vec<_>>());
        Ok(())
    }
}
