//! Where images come from: a registry, or something on this machine that looks like one.

use std::io::Read;

use crate::registry::{RawManifest, Repository};
use crate::{Digest, Error, Reference};

/// A place that has an image.
pub trait Source: Sync {
    /// The manifest or index that is meant.
    ///
    /// # Errors
    /// When the place does not have it.
    fn top(&self) -> Result<RawManifest, Error>;

    /// A manifest or index by its digest.
    ///
    /// # Errors
    /// When the place does not have it.
    fn manifest(&self, digest: &Digest) -> Result<RawManifest, Error>;

    /// Refuses an image that must be signed and is not. The digests are those of its manifest and
    /// of the index that names it: one of them must be signed.
    ///
    /// # Errors
    /// When the signature is missing or not good.
    fn demand_signatures(&self, digests: &[&Digest]) -> Result<(), Error> {
        let _ = digests;
        Ok(())
    }

    /// A blob of `size` bytes from `offset` on.
    ///
    /// # Errors
    /// When the place does not have it.
    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        offset: u64,
    ) -> Result<Box<dyn Read + Send + '_>, Error>;
}

/// An image in a registry.
#[derive(Debug)]
pub struct InRegistry<'a> {
    /// Its repository.
    pub repository: &'a Repository,
    /// Its name; the digest counts if there is one, else the tag.
    pub reference: &'a Reference,
}

impl Source for InRegistry<'_> {
    fn top(&self) -> Result<RawManifest, Error> {
        let wanted = match (self.reference.digest(), self.reference.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or("latest").to_owned(),
        };
        Ok(self.repository.manifest(&wanted)?)
    }

    fn demand_signatures(&self, digests: &[&Digest]) -> Result<(), Error> {
        let checked = self.repository.demand_signatures(self.reference, digests);
        Ok(checked?)
    }

    fn manifest(&self, digest: &Digest) -> Result<RawManifest, Error> {
        Ok(self.repository.manifest(&digest.to_string())?)
    }

    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        offset: u64,
    ) -> Result<Box<dyn Read + Send + '_>, Error> {
        Ok(self.repository.blob(digest, size, offset)?)
    }
}
