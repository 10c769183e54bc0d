//! Naming images.

use image::Reference;

use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Gives an image a further name.
    ///
    /// # Errors
    /// An unknown image; a name that is none, or has a digest.
    pub fn tag(&self, image: &str, name: &str) -> Result<(), Error> {
        let name = new_name(name)?;
        let store = self.image_store();
        let exclusive = store.exclude()?;
        let found = store.find(image)?;
        exclusive.tag(&found.image, &name)?;
        let id = found.image.id.to_string();
        note(
            &self.paths,
            &[Event::of_image(&id, &name.familiar(), "tag")],
        );
        Ok(())
    }
}

/// A name that an image may get.
pub(super) fn new_name(text: &str) -> Result<Reference, Error> {
    let name: Reference = text.parse()?;
    if image::host::is_built_in(&name.familiar()) {
        return Err(Error::Image(image::Error::BuiltIn {
            name: text.to_owned(),
        }));
    }
    match name.digest() {
        None => Ok(name),
        Some(_) => Err(Error::Invalid {
            what: "name",
            why: "a digest is what an image is, not what it may be called".to_owned(),
        }),
    }
}
