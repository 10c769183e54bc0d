//! Saving images to an archive.

use std::io::Write;

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
        Ok(shared.save(&found?, out)?)
    }
}
