//! Removing names and images, and what nothing refers to any more.
//!
//! The index is written first; what lies about without being referred to is garbage from then on,
//! and a later prune takes what a crash left of it. What a container or a pull uses stays.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::content::{Exclusive, Images};
use crate::list::{Found, Image, NamedBy};
use crate::scratch::Scratch;
use crate::{Digest, Error, Reference, host, index, lease, pull, usage};

/// What a removal did, as `rmi` and `image prune` tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// Names that mean nothing any more.
    pub untagged: Vec<Reference>,
    /// Ids of images that are gone, and diff ids of layers that went with them.
    pub deleted: Vec<Digest>,
    /// Bytes on the disk that are free now.
    pub freed: u64,
}

/// Paths of the store, by what they are.
#[derive(Debug, Default)]
struct Parts {
    blobs: BTreeSet<PathBuf>,
    layers: BTreeSet<PathBuf>,
}

impl Images {
    /// Everything in the store that an image consists of.
    ///
    /// # Errors
    /// When its manifest is damaged.
    pub fn paths_of(&self, image: &Image) -> Result<Vec<PathBuf>, Error> {
        let parts = self.parts_of(std::slice::from_ref(image))?;
        Ok(parts.blobs.into_iter().chain(parts.layers).collect())
    }

    fn parts_of(&self, images: &[Image]) -> Result<Parts, Error> {
        let mut parts = Parts::default();
        for image in images {
            let manifest = self.read_manifest(&image.manifest)?;
            parts
                .blobs
                .extend([self.blob(&image.manifest), self.blob(&image.id)]);
            if let Some(index) = &image.index {
                parts.blobs.insert(self.blob(index));
                for attached in self.attached(index)? {
                    let blobs = attached.blobs.iter().map(|(digest, _)| self.blob(digest));
                    parts.blobs.insert(self.blob(&attached.manifest.digest));
                    parts.blobs.extend(blobs);
                }
            }
            for layer in &manifest.layers {
                parts.blobs.insert(self.blob(&layer.digest.parse()?));
            }
            let layers = image.diff_ids.iter();
            parts
                .layers
                .extend(layers.map(|diff_id| self.layer(diff_id)));
        }
        Ok(parts)
    }
}

impl Exclusive<'_> {
    /// Takes a name from an image, or all of them when it was asked for by its id. With its last
    /// name goes the image, and what no other image, lease or directory in `in_use` (as in a
    /// [`crate::Stack`]) needs.
    ///
    /// Whether an image may be removed at all is not decided here.
    ///
    /// # Errors
    /// When a document cannot be written or a file cannot be removed.
    pub fn remove(&self, found: &Found, in_use: &[PathBuf]) -> Result<Removal, Error> {
        let image = &found.image;
        let untagged = match &found.named_by {
            NamedBy::Reference(reference) if image.references.contains(reference) => {
                vec![reference.clone()]
            }
            // By a digest or the id, the whole image is meant.
            _ => image.references.clone(),
        };
        let is_gone = untagged.len() == image.references.len();
        let manifest = image.manifest.to_string();
        let mut index = self.images.read_index()?;
        index.manifests.retain(|entry| {
            let named = |name| untagged.iter().any(|gone| gone.to_string() == name);
            entry.digest != manifest || !(is_gone || index::name(entry).is_some_and(named))
        });
        let candidates = match is_gone {
            true => self.images.parts_of(std::slice::from_ref(image))?,
            false => Parts::default(),
        };
        self.write_index(&index)?;
        let mut removal = self.free(candidates, in_use)?;
        let is_gone = is_gone && !self.images.list()?.iter().any(|other| other.id == image.id);
        if is_gone {
            removal.deleted.insert(0, image.id.clone());
        }
        removal.untagged = untagged;
        Ok(removal)
    }

    /// Removes those of the blobs that nobody uses any more.
    pub(crate) fn release(&self, blobs: &[Digest]) -> Result<(), Error> {
        let candidates = Parts {
            blobs: blobs
                .iter()
                .map(|digest| self.images.blob(digest))
                .collect(),
            ..Default::default()
        };
        self.free(candidates, &[]).map(drop)
    }

    /// Removes everything that no image, lease or directory in `in_use` refers to: what crashes
    /// and pulls that were cut off left, and base layers of the built-in image that are out of
    /// date.
    ///
    /// # Errors
    /// When something cannot be read or removed.
    pub fn sweep(&self, in_use: &[PathBuf]) -> Result<Removal, Error> {
        self.sweep_unfinished()?;
        let everything = Parts {
            blobs: entries(&self.images.blobs())?.into_iter().collect(),
            layers: entries(&self.images.layers())?.into_iter().collect(),
        };
        let mut removal = self.free(everything, in_use)?;
        removal.freed += pull::sweep_partials(self.images)?;
        let current = host::base(self.images)?;
        for base in entries(&self.images.host_bases())? {
            if base != current && !in_use.contains(&base) {
                removal.freed += self.discard(&base)?;
            }
        }
        Ok(removal)
    }

    /// Removes a directory; gives back what it took on the disk. It loses its name first: nobody
    /// may ever take half of it for a layer.
    pub(crate) fn discard(&self, path: &Path) -> Result<u64, Error> {
        let scratch = Scratch::new(self.images.root())?;
        let aside = scratch.path().join("tree");
        rustix::fs::rename(path, &aside).map_err(Error::errno("removing", path))?;
        let size = usage::of_tree(&aside)?;
        store::remove_tree(&aside)?;
        Ok(size)
    }

    /// Removes those of the candidates that nobody uses.
    fn free(&self, candidates: Parts, in_use: &[PathBuf]) -> Result<Removal, Error> {
        let used = self.images.parts_of(&self.images.list()?)?;
        let protected = lease::protected(self.images)?;
        let is_free = |path: &PathBuf, used: &BTreeSet<PathBuf>| {
            let name = path.file_name().and_then(|name| name.to_str());
            let is_protected = name.is_some_and(|name| protected.contains(name));
            !used.contains(path) && !is_protected && !in_use.contains(path)
        };
        let mut removal = Removal::default();
        for layer in candidates.layers {
            if !is_free(&layer, &used.layers) || !layer.exists() {
                continue;
            }
            removal.freed += self.discard(&layer)?;
            let name = layer.file_name().and_then(|name| name.to_str());
            removal.deleted.extend(name.and_then(Digest::from_hex));
        }
        for blob in candidates.blobs {
            if is_free(&blob, &used.blobs) && blob.exists() {
                removal.freed += usage::of_tree(&blob)?;
                store::remove_tree(&blob)?;
            }
        }
        Ok(removal)
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(directory).map_err(Error::io("reading", directory))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths
        .collect::<Result<_, _>>()
        .map_err(Error::io("reading", directory))
}
