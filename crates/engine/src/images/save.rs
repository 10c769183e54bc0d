//! Saving images to an archive.

use std::io::Write;

use image::Platform;

use super::list::found;
use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Writes images to an archive; with a platform, those for it.
    ///
    /// # Errors
    /// An unknown image; the stream's.
    pub fn save(
        &self,
        images: &[String],
        platform: Option<&Platform>,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let store = self.image_store();
        let shared = store.share()?;
        let found = images.iter().map(|name| found(&store, name, platform));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        shared.save(&found, out)?;
        let events = found.iter().map(|found| {
            let id = found.image.id.to_string();
            Event::of_image(&id, &id, "save")
        });
        note(&self.paths, &events.collect::<Vec<_>>());
        Ok(())
    }
}
