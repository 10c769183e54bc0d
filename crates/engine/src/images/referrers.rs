//! What in a registry is about an image.

use image::Reference;
use image::registry::{Access, Repository, Settings};
use spec::image::Descriptor;

use crate::{Engine, Error};

impl Engine {
    /// The artifacts in its registry that are about an image; with a type, only those of it.
    ///
    /// # Errors
    /// A malformed name; whatever is wrong with the registry.
    pub fn referrers(
        &self,
        image: &str,
        artifact_type: Option<&str>,
        settings: &Settings,
    ) -> Result<Vec<Descriptor>, Error> {
        let reference: Reference = image.parse()?;
        let repository =
            Repository::open(settings, &reference, Access::Pull).map_err(image::Error::from)?;
        let digest = match reference.digest() {
            Some(digest) => digest.clone(),
            None => {
                let tag = reference.tag().unwrap_or("latest");
                let manifest = repository.manifest(tag).map_err(image::Error::from)?;
                manifest.digest
            }
        };
        let found = repository.referrers(&digest, artifact_type);
        Ok(found.map_err(image::Error::from)?)
    }
}
