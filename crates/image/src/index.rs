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
use crate::{Digest, Error, Reference};

/// The name that an entry gives to its manifest.
pub(crate) fn name(entry: &Descriptor) -> Option<&str> {
    entry
        .annotations
        .get(ANNOTATION_REF_NAME)
        .map(String::as_str)
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
        };
        let manifest = to_json("the image's manifest", &manifest)?;
        let digest = self.put_blob(&manifest)?;
        let entry = descriptor(MEDIA_TYPE_MANIFEST, &digest, manifest.len() as u64);
        self.give_name(&name.to_string(), entry)?;
        Ok(id)
    }

    /// Lets a name mean this manifest, and no other one.
    fn give_name(&self, reference: &str, mut entry: Descriptor) -> Result<(), Error> {
        let mut index = self.images.read_index()?;
        for other in &mut index.manifests {
            if name(other) == Some(reference) {
                other.annotations.remove(ANNOTATION_REF_NAME);
            }
        }
        entry
            .annotations
            .insert(ANNOTATION_REF_NAME.to_owned(), reference.to_owned());
        index.manifests.push(entry);
        drop_superfluous(&mut index);
        self.write_index(&index)
    }

    pub(crate) fn write_index(&self, index: &Index) -> Result<(), Error> {
        let bytes = to_json("the index of images", index)?;
        store::atomic_write(&self.images.index(), &bytes, Durability::Durable)?;
        Ok(())
    }
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
