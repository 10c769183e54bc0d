//! Whether images are what they say.

use image::{Damage, Verified};

use crate::{Engine, Error};

impl Engine {
    /// Reads all parts of an image and compares them with their digests.
    ///
    /// # Errors
    /// An unknown image.
    pub fn verify_image(&self, name: &str) -> Result<Vec<Verified>, Error> {
        let store = self.image_store();
        let _shared = store.share()?;
        let image = store.find(name)?.image;
        Ok(store.verify(&image.manifest)?)
    }

    /// Checks the image store; with `repair`, mends what can be.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn check_store(&self, repair: bool) -> Result<Vec<Damage>, Error> {
        let store = self.image_store();
        Ok(store.exclude()?.check(repair)?)
    }
}
