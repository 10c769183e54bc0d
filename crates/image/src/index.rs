//! `index.json`: which manifests are in the store, and what they are called.
//!
//! A manifest with several names has several entries; one that lost its last name to another
//! image keeps an entry without a name.

use serde::Serialize;
use spec::image::{
    ANNOTATION_REF_NAME, Descriptor, ImageConfig, Index, MEDIA_TYPE_CONFIG, MEDIA_TYPE_INDEX,
    MEDIA_TYPE_LAYER, MEDIA_TYPE_MANIFEST, Manifest,
};
use store::Durability;

use crate::content::{Exclusive, Images};
use crate::list::Image;
use crate::pull::{Shape, shape};
use crate::registry::RawManifest;
use crate::{Digest, Error, Platform, Reference};

/// Annotation of an entry: the digest of the index that its manifest was chosen from.
const ANNOTATION_INDEX: &str = "org.wharf.index";

/// A manifest that gets names.
pub(crate) struct Naming<'a> {
    pub(crate) manifest: &'a RawManifest,
    pub(crate) platform: &'a Platform,
    /// That it was chosen from.
    pub(crate) index: Option<&'a Digest>,
}

/// The name that an entry gives to its manifest.
pub(crate) fn name(entry: &Descriptor) -> Option<&str> {
    entry
        .annotations
        .get(ANNOTATION_REF_NAME)
        .map(String::as_str)
}

/// The index that an entry's manifest was chosen from.
pub(crate) fn origin(entry: &Descriptor) -> Option<Digest> {
    entry.annotations.get(ANNOTATION_INDEX)?.parse().ok()
}

impl Images {
    pub(crate) fn read_index(&self) -> Result<Index, Error> {
        let path = self.index();
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Index {
                    schema_version: 2,
                    media_type: Some(MEDIA_TYPE_INDEX.to_owned()),
                    ..Default::default()
                });
            }
            bytes => bytes.map_err(Error::io("reading", &path))?,
        };
        Index::parse(&bytes).map_err(|source| Error::Document { path, source })
    }

    pub(crate) fn read_manifest(&self, digest: &Digest) -> Result<Manifest, Error> {
        let bytes = self.read_blob(digest)?;
        Manifest::parse(&bytes).map_err(|source| Error::Document {
            path: self.blob(digest),
            source,
        })
    }

    pub(crate) fn read_config(&self, digest: &Digest) -> Result<ImageConfig, Error> {
        let bytes = self.read_blob(digest)?;
        ImageConfig::parse(&bytes).map_err(|source| Error::Document {
            path: self.blob(digest),
            source,
        })
    }
}

impl Exclusive<'_> {
    /// Adds an image whose layers (diff ids of uncompressed archives, and their sizes) are in the
    /// store, and gives it its name. The index is written last: before that, there is no image.
    pub(crate) fn add_image(
        &self,
        name: &Reference,
        config: &ImageConfig,
        layers: &[(Digest, u64)],
    ) -> Result<Digest, Error> {
        let config_bytes = to_json("the image's configuration", config)?;
        let id = self.put_blob(&config_bytes)?;
        let layers = layers
            .iter()
            .map(|(digest, size)| descriptor(MEDIA_TYPE_LAYER, digest, *size));
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MEDIA_TYPE_MANIFEST.to_owned()),
            config: descriptor(MEDIA_TYPE_CONFIG, &id, config_bytes.len() as u64),
            layers: layers.collect(),
            ..Default::default()
        };
        let manifest = to_json("the image's manifest", &manifest)?;
        let digest = self.put_blob(&manifest)?;
        let entry = descriptor(MEDIA_TYPE_MANIFEST, &digest, manifest.len() as u64);
        self.give_names(std::slice::from_ref(name), &[entry])?;
        Ok(id)
    }

    /// Puts a document into the store. What is not durable is in a record of what is not
    /// (unsynced.rs).
    pub(crate) fn put_document(
        &self,
        digest: &Digest,
        bytes: &[u8],
        durability: Durability,
    ) -> Result<(), Error> {
        let path = self.images.blob(digest);
        if self.images.read_blob(digest).is_err() {
            store::atomic_write(&path, bytes, durability)?;
        }
        Ok(())
    }

    /// Lets names mean these manifests, and no other ones: those of one index for several
    /// platforms, as a rule a single one. Gives back whether they meant something else.
    pub(crate) fn name_images(
        &self,
        names: &[Reference],
        images: &[Naming<'_>],
    ) -> Result<bool, Error> {
        let mut entries = Vec::new();
        for image in images {
            let RawManifest {
                bytes,
                media_type,
                digest,
            } = image.manifest;
            let media_type = match (media_type.as_str(), shape(image.manifest)?) {
                ("" | "application/json" | "text/plain", Shape::Manifest) => MEDIA_TYPE_MANIFEST,
                (said, _) => said,
            };
            let mut entry = descriptor(media_type, digest, bytes.len() as u64);
            entry.platform = Some(image.platform.document());
            let index = image.index.map(ToString::to_string);
            entry
                .annotations
                .extend(index.map(|index| (ANNOTATION_INDEX.to_owned(), index)));
            entries.push(entry);
        }
        self.give_names(names, &entries)
    }

    /// Gives an image a further name, which means nothing else from then on.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn tag(&self, image: &Image, name: &Reference) -> Result<(), Error> {
        let manifest = image.manifest.to_string();
        let index = self.images.read_index()?;
        let entry = index.manifests.iter().find(|e| e.digest == manifest);
        let entry = entry.cloned().ok_or_else(|| Error::NotFound {
            name: image.id.to_string(),
        })?;
        self.give_names(std::slice::from_ref(name), &[entry])?;
        Ok(())
    }

    /// Lets names mean these manifests, and no other ones.
    pub(crate) fn give_names(
        &self,
        names: &[Reference],
        entries: &[Descriptor],
    ) -> Result<bool, Error> {
        let before = self.images.read_index()?;
        let mut index = before.clone();
        for reference in names {
            let text = reference.to_string();
            for other in &mut index.manifests {
                if name(other) == Some(&text) {
                    other.annotations.remove(ANNOTATION_REF_NAME);
                }
            }
            for entry in entries {
                let mut entry = entry.clone();
                entry
                    .annotations
                    .insert(ANNOTATION_REF_NAME.to_owned(), text.clone());
                index.manifests.push(entry);
            }
        }
        if names.is_empty() {
            index.manifests.extend_from_slice(entries);
        }
        drop_superfluous(&mut index);
        let changed = !same_entries(&before, &index);
        if changed {
            self.write_index(&index)?;
        }
        Ok(changed)
    }

    pub(crate) fn write_index(&self, index: &Index) -> Result<(), Error> {
        let bytes = to_json("the index of images", index)?;
        store::atomic_write(&self.images.index(), &bytes, Durability::Durable)?;
        Ok(())
    }
}

/// Whether two indexes say the same, in whatever order.
fn same_entries(a: &Index, b: &Index) -> bool {
    a.manifests.len() == b.manifests.len()
        && a.manifests.iter().all(|entry| b.manifests.contains(entry))
}

/// Drops nameless entries of manifests that have a name, and all but the first of those without.
fn drop_superfluous(index: &mut Index) {
    let all = index.manifests.clone();
    let mut position = 0;
    index.manifests.retain(|entry| {
        let before = all.get(..position).unwrap_or_default();
        position += 1;
        let same = |other: &&Descriptor| other.digest == entry.digest;
        let named = all.iter().filter(same).any(|other| name(other).is_some());
        name(entry).is_some() || (!named && !before.iter().any(|other| same(&other)))
    });
}

fn descriptor(media_type: &str, digest: &Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest.to_string(),
        size,
        ..Default::default()
    }
}

fn to_json(what: &'static str, document: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(document).map_err(|source| Error::Serialize { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(digest: &str, reference: Option<&str>) -> Descriptor {
        let name = reference.map(|name| (ANNOTATION_REF_NAME.to_owned(), name.to_owned()));
        Descriptor {
            digest: digest.to_owned(),
            annotations: name.into_iter().collect(),
            ..Default::default()
        }
    }

    #[test]
    fn a_manifest_keeps_a_nameless_entry_only_without_a_name() {
        let mut index = Index {
            manifests: vec![
                entry("a", None),
                entry("b", None),
                entry("a", Some("x")),
                entry("b", None),
            ],
            ..Default::default()
        };
        drop_superfluous(&mut index);
        assert_eq!(index.manifests, [entry("b", None), entry("a", Some("x"))]);
    }
}
