//! What an index names beside images: attestations, which builders put there. They come with
//! `pull --all-platforms` and go with `push --all-platforms`, so that the index stays what it was;
//! nobody runs them.

use spec::image::{Descriptor, Index, Manifest};

use crate::content::Images;
use crate::registry::RawManifest;
use crate::{Digest, Error};

/// A manifest that is no image, with its blobs.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) manifest: RawManifest,
    /// Its configuration and what it has as layers, each with its length.
    pub(crate) blobs: Vec<(Digest, u64)>,
}

/// An entry for a platform, not one of the attestations that builders put beside the images.
pub(crate) fn is_image(entry: &&Descriptor) -> bool {
    let unknown = |platform: &spec::image::Platform| platform.os == "unknown";
    !entry.platform.as_ref().is_some_and(unknown)
        && !entry.annotations.contains_key("vnd.docker.reference.type")
}

impl Attached {
    /// Reads a manifest.
    pub(crate) fn of(manifest: RawManifest) -> Result<Self, Error> {
        let parsed = Manifest::parse(&manifest.bytes).map_err(|source| Error::Document {
            path: manifest.digest.to_string().into(),
            source,
        })?;
        let parts = parsed.layers.iter().chain([&parsed.config]);
        let blobs = parts.map(|part| Ok((part.digest.parse()?, part.size)));
        Ok(Self {
            blobs: blobs.collect::<Result<_, Error>>()?,
            manifest,
        })
    }
}

impl Images {
    /// What an index names beside images, as far as it is here as a whole.
    pub(crate) fn attached(&self, index: &Digest) -> Result<Vec<Attached>, Error> {
        // What is damaged or gone has nothing attached.
        let Ok(bytes) = self.read_blob(index) else {
            return Ok(Vec::new());
        };
        let index = Index::parse(&bytes).map_err(|source| Error::Document {
            path: self.blob(index),
            source,
        })?;
        let mut found = Vec::new();
        for entry in index.manifests.iter().filter(|entry| !is_image(entry)) {
            let digest: Digest = entry.digest.parse()?;
            let Ok(bytes) = self.read_blob(&digest) else {
                continue;
            };
            let attached = Attached::of(RawManifest {
                bytes,
                media_type: entry.media_type.clone(),
                digest,
            })?;
            let mut blobs = attached.blobs.iter();
            if blobs.all(|(digest, _)| self.blob(digest).exists()) {
                found.push(attached);
            }
        }
        Ok(found)
    }
}
