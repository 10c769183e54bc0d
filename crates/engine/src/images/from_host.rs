//! Images from the host's own files.

use std::path::PathBuf;

use crate::{Engine, Error};

impl Engine {
    /// Makes an image from programs of the host and what they need; `tag` becomes its name.
    /// Returns the digest of its configuration.
    ///
    /// # Errors
    /// A malformed name; a file, a library or an interpreter that is missing, by its name.
    pub fn image_from_host(
        &self,
        programs: &[PathBuf],
        with: &[PathBuf],
        tag: &str,
        epoch: Option<i64>,
    ) -> Result<String, Error> {
        let request = image::FromHost {
            tag: tag.parse()?,
            binaries: programs.to_owned(),
            with: with.to_owned(),
            epoch,
        };
        Ok(self.image_store().from_host(&request)?.to_string())
    }
}
