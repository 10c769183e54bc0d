//! skopeo's `dir:`: a manifest, and each blob in a file that is called by its digest's digits.

use std::io::Read;

use super::files::Files;
use crate::pull::Source;
use crate::registry::RawManifest;
use crate::{Digest, Error};

/// The image of a flat directory.
#[derive(Debug)]
pub(super) struct Flat<'a> {
    pub(super) files: &'a Files,
}

impl Source for Flat<'_> {
    fn top(&self) -> Result<RawManifest, Error> {
        let bytes = self.files.read("manifest.json")?;
        Ok(RawManifest {
            digest: Digest::of(&bytes),
            bytes,
            media_type: String::new(),
        })
    }

    fn manifest(&self, digest: &Digest) -> Result<RawManifest, Error> {
        let bytes = self
            .files
            .read(&format!("{}.manifest.json", digest.hex()))?;
        let found = Digest::of(&bytes);
        match found == *digest {
            true => Ok(RawManifest {
                bytes,
                media_type: String::new(),
                digest: found,
            }),
            false => Err(Error::WrongDigest {
                what: format!("a manifest of {}", self.files.name()),
                found,
                expected: digest.clone(),
            }),
        }
    }

    fn blob(
        &self,
        digest: &Digest,
        _size: u64,
        offset: u64,
    ) -> Result<Box<dyn Read + Send + '_>, Error> {
        match self.files.open(digest.hex(), offset)? {
            Some((part, _)) => Ok(Box::new(part)),
            None => Err(Error::Unusable {
                what: self.files.name(),
                why: format!("the blob {digest} is missing in it"),
            }),
        }
    }
}
