//! Removing names and images, and what nothing refers to any more.
//!
//! The index is written first; what lies about without being referred to is garbage from then on,
//! and a later sweep takes what a crash left of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::content::Exclusive;
use crate::list::{Found, Image, NamedBy};
use crate::scratch::Scratch;
use crate::{Digest, Error, Reference, host, index};

/// What a removal did, as `rmi` tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// Names that mean nothing any more.
    pub untagged: Vec<Reference>,
    /// Ids of images that are gone, and diff ids of layers that went with them.
    pub deleted: Vec<Digest>,
}

impl Exclusive<'_> {
    /// Takes a name from an image, or all of them when it was asked for by its id. With its last
    /// name goes the image, and what no other image needs; the layers in `in_use` (directories, as
    /// in a [`crate::Stack`]) stay, for a later [`Exclusive::sweep`].
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
        self.write_index(&index)?;
        let layers = self.collect(in_use)?;
        let gone: Vec<Digest> = is_gone.then(|| image.id.clone()).into_iter().collect();
        Ok(Removal {
            untagged,
            deleted: gone.into_iter().chain(layers).collect(),
        })
    }

    /// Removes everything that no image refers to, what crashes left half made, and base layers
    /// of the built-in image that are out of date; the directories in `in_use` stay.
    ///
    /// # Errors
    /// When something cannot be read or removed.
    pub fn sweep(&self, in_use: &[PathBuf]) -> Result<(), Error> {
        self.sweep_unfinished()?;
        self.collect(in_use)?;
        let current = host::base(self.images)?;
        for base in entries(&self.images.host_bases())? {
            if base != current && !in_use.contains(&base) {
                self.discard(&base)?;
            }
        }
        Ok(())
    }

    /// Removes a directory. It loses its name first: nobody may ever take half of it for a layer.
    fn discard(&self, path: &Path) -> Result<(), Error> {
        let scratch = Scratch::new(self.images.root())?;
        let aside = scratch.path().join("tree");
        rustix::fs::rename(path, &aside).map_err(Error::errno("removing", path))?;
        store::remove_tree(&aside)?;
        Ok(())
    }

    /// Removes blobs and layers that no image refers to; gives back the layers.
    fn collect(&self, in_use: &[PathBuf]) -> Result<Vec<Digest>, Error> {
        let images = self.images.list()?;
        let layers: BTreeSet<PathBuf> = images
            .iter()
            .flat_map(|image| self.layers_of(image))
            .collect();
        let mut blobs = BTreeSet::new();
        for image in &images {
            blobs.extend(self.blobs_of(image)?);
        }
        let mut gone = Vec::new();
        for layer in entries(&self.images.layers())? {
            if layers.contains(&layer) || in_use.contains(&layer) {
                continue;
            }
            self.discard(&layer)?;
            let name = layer.file_name().and_then(|name| name.to_str());
            gone.extend(name.and_then(Digest::from_hex));
        }
        for blob in entries(&self.images.blobs())? {
            if !blobs.contains(&blob) {
                store::remove_tree(&blob)?;
            }
        }
        Ok(gone)
    }

    fn layers_of(&self, image: &Image) -> Vec<PathBuf> {
        image
            .diff_ids
            .iter()
            .map(|diff_id| self.images.layer(diff_id))
            .collect()
    }

    fn blobs_of(&self, image: &Image) -> Result<Vec<PathBuf>, Error> {
        let manifest = self.images.read_manifest(&image.manifest)?;
        let mut blobs = vec![
            self.images.blob(&image.manifest),
            self.images.blob(&image.id),
        ];
        for layer in &manifest.layers {
            blobs.push(self.images.blob(&layer.digest.parse()?));
        }
        Ok(blobs)
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(directory).map_err(Error::io("reading", directory))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths
        .collect::<Result<_, _>>()
        .map_err(Error::io("reading", directory))
}
