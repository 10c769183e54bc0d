//! Pushing the images for all platforms that a name means, with the index that names them.

use std::collections::BTreeSet;

use spec::image::{Descriptor, Index, MEDIA_TYPE_INDEX};

use crate::attached::Attached;
use crate::content::Images;
use crate::decompress::Compression;
use crate::lease::Lease;
use crate::list::Image;
use crate::pull::Tools;
use crate::push::{Part, Pushed};
use crate::registry::{RawManifest, Repository};
use crate::{Digest, Error, Reference};

impl Images {
    /// Pushes all images that are called `source`, each under its digest, and the index of them
    /// under `name`: the one that they were pulled with, if all that it names is here and as it
    /// was, else a new one.
    ///
    /// # Errors
    /// As [`Images::push`]; when there are none.
    pub fn push_all(
        &self,
        source: &Reference,
        name: &Reference,
        repository: &Repository,
        compression: Compression,
        tools: Tools<'_>,
    ) -> Result<Pushed, Error> {
        let mut images = self.list()?;
        images.retain(|image| image.references.contains(source));
        let Some(first) = images.first() else {
            return Err(Error::NotFound {
                name: source.familiar(),
            });
        };
        let origin = first.index.clone();
        let is_common = images.iter().all(|image| image.index == origin);
        let mut entries = Vec::new();
        for image in &images {
            let manifest = self.push_as(None, name, image, repository, compression, tools)?;
            entries.push(entry(image, &manifest));
        }
        let old = match origin.filter(|_| is_common) {
            Some(digest) => self.complete(&digest, &entries)?,
            None => None,
        };
        let index = match old {
            Some(index) => {
                self.push_attached(&index.digest, repository, tools)?;
                index
            }
            None => new_index(entries)?,
        };
        let tag = name.tag().unwrap_or("latest");
        repository.push_manifest(tag, &index)?;
        Ok(Pushed {
            size: index.bytes.len() as u64,
            digest: index.digest,
        })
    }

    /// Pushes what an index names beside images.
    fn push_attached(
        &self,
        index: &Digest,
        repository: &Repository,
        tools: Tools<'_>,
    ) -> Result<(), Error> {
        let shared = self.share()?;
        let attached = self.attached(index)?;
        let blobs = attached.iter().flat_map(|one| &one.blobs);
        let _lease = Lease::new(&shared, blobs.map(|(digest, _)| digest.clone()))?;
        drop(shared);
        for Attached { manifest, blobs } in attached {
            for (digest, size) in blobs {
                let part = Part {
                    digest,
                    size,
                    elsewhere: Vec::new(),
                };
                self.send(&part, repository, tools)?;
            }
            repository.push_manifest(&manifest.digest.to_string(), &manifest)?;
        }
        Ok(())
    }

    /// The index that images came with, if they and what is attached are all that it names.
    fn complete(
        &self,
        digest: &Digest,
        entries: &[Descriptor],
    ) -> Result<Option<RawManifest>, Error> {
        let Ok(bytes) = self.read_blob(digest) else {
            return Ok(None);
        };
        let index = Index::parse(&bytes).map_err(|source| Error::Document {
            path: self.blob(digest),
            source,
        })?;
        let attached = self.attached(digest)?;
        let attached = attached.iter().map(|one| one.manifest.digest.to_string());
        let mut here: BTreeSet<String> = attached.collect();
        here.extend(entries.iter().map(|entry| entry.digest.clone()));
        let mut named = index.manifests.iter();
        let is_complete = named.all(|entry| here.contains(&entry.digest));
        Ok(is_complete.then(|| RawManifest {
            bytes,
            media_type: index
                .media_type
                .unwrap_or_else(|| MEDIA_TYPE_INDEX.to_owned()),
            digest: digest.clone(),
        }))
    }
}

fn entry(image: &Image, manifest: &RawManifest) -> Descriptor {
    Descriptor {
        media_type: manifest.media_type.clone(),
        digest: manifest.digest.to_string(),
        size: manifest.bytes.len() as u64,
        platform: Some(image.platform.document()),
        ..Default::default()
    }
}

fn new_index(manifests: Vec<Descriptor>) -> Result<RawManifest, Error> {
    let index = Index {
        schema_version: 2,
        media_type: Some(MEDIA_TYPE_INDEX.to_owned()),
        manifests,
        ..Default::default()
    };
    let bytes = serde_json::to_vec(&index).map_err(|source| Error::Serialize {
        what: "the index of images",
        source,
    })?;
    Ok(RawManifest {
        digest: Digest::of(&bytes),
        bytes,
        media_type: MEDIA_TYPE_INDEX.to_owned(),
    })
}
