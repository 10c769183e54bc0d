//! The pull of an image as a whole: what is wanted, the layers side by side, and the moment in
//! which the image exists.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use store::Durability;

use super::documents::{self, Documents, Layer, Wanted};
use super::layer::Pulling;
use super::source::Source;
use crate::content::{Images, Shared};
use crate::index::Naming;
use crate::lease::Lease;
use crate::progress::{Event, Progress};
use crate::registry::RawManifest;
use crate::unpack::{Limits, Rights};
use crate::unsynced::Unsynced;
use crate::workers::{Workers, for_each};
use crate::{Digest, Error, Platform, Reference};

/// As Docker's `max-concurrent-downloads`.
const LAYERS_AT_ONCE: usize = 3;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Pull {
    /// What the image is called afterwards; nothing for one without a name.
    pub names: Vec<Reference>,
    /// Which of several images.
    pub wanted: Wanted,
    /// What a layer may be.
    pub limits: Limits,
}

/// What a pull works with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// Who does several things at once.
    pub workers: &'a dyn Workers,
    /// Who is told how it goes.
    pub progress: &'a dyn Progress,
}

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The digest of what the name means in the source.
    pub digest: Digest,
    /// The ids of the images.
    pub ids: Vec<Digest>,
    /// Whether the name meant something else before.
    pub is_new: bool,
}

impl Images {
    /// Brings an image from a source into the store.
    ///
    /// # Errors
    /// Whatever is wrong with the source or what it gave; what names mean stays as it was.
    pub fn pull(
        &self,
        source: &dyn Source,
        request: &Pull,
        tools: Tools<'_>,
    ) -> Result<Pulled, Error> {
        self.create()?;
        let documents = documents::fetch(self, source, &request.wanted)?;
        let layers = distinct(&documents);
        let sizes: Vec<(Digest, u64)> = layers
            .iter()
            .map(|(layer, _)| (layer.blob.clone(), layer.size))
            .collect();
        tools.progress.tell(&Event::Layers(&sizes));
        let shared = self.share()?;
        let needed = [blobs(&documents), trees(&documents)].concat();
        let lease = Lease::new(&shared, needed)?;
        let _unsynced = self.record_missing(&shared, &documents)?;
        drop(shared);
        let stop = AtomicBool::new(false);
        let pulling = Pulling {
            images: self,
            source,
            workers: tools.workers,
            progress: tools.progress,
            limits: &request.limits,
            lease: &lease,
            rights: Rights::of_process(),
            stop: &stop,
        };
        for_each(
            tools.workers,
            LAYERS_AT_ONCE,
            &layers,
            |(layer, unpacked)| {
                let outcome = pulling.layer(layer, *unpacked);
                if outcome.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                outcome
            },
        )?;
        self.commit(&documents, &request.names)
    }

    /// Writes down what is not here yet, and will not be on the disk when this pull is over.
    fn record_missing(
        &self,
        shared: &Shared<'_>,
        documents: &Documents,
    ) -> Result<Option<Unsynced>, Error> {
        let mut missing = blobs(documents);
        missing.retain(|digest| !self.blob(digest).exists());
        let mut trees = trees(documents);
        trees.retain(|digest| !self.layer(digest).exists());
        missing.extend(trees);
        match missing.is_empty() {
            true => Ok(None),
            false => Unsynced::record(shared, &missing).map(Some),
        }
    }

    /// Makes the images exist: their documents, then their names.
    fn commit(&self, documents: &Documents, names: &[Reference]) -> Result<Pulled, Error> {
        let store = self.exclude()?;
        store.sweep_unfinished()?;
        if let Some(index) = &documents.index {
            store.put_document(&index.digest, &index.bytes, Durability::Boot)?;
        }
        let mut entries = Vec::new();
        for image in &documents.images {
            store.put_document(&image.config_digest, &image.config_bytes, Durability::Boot)?;
            let RawManifest { digest, bytes, .. } = &image.manifest;
            store.put_document(digest, bytes, Durability::Boot)?;
            entries.push(Naming {
                manifest: &image.manifest,
                platform: &image.platform,
                index: documents.index.as_ref().map(|index| &index.digest),
            });
        }
        for attached in &documents.attached {
            let RawManifest { digest, bytes, .. } = &attached.manifest;
            store.put_document(digest, bytes, Durability::Boot)?;
        }
        let is_new = store.name_images(names, &entries)?;
        Ok(Pulled {
            digest: documents.top.clone(),
            ids: documents
                .images
                .iter()
                .map(|image| image.config_digest.clone())
                .collect(),
            is_new,
        })
    }
}

/// Every layer once, and whether it is unpacked now: those of images for other machines are when
/// somebody runs them.
fn distinct(documents: &Documents) -> Vec<(Layer, bool)> {
    let host = Platform::host();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let alone = documents.images.len() == 1;
    for image in &documents.images {
        let unpacked = alone || host.distance(&image.platform).is_some();
        for layer in &image.layers {
            if seen.insert(layer.blob.clone()) {
                found.push((layer.clone(), unpacked));
            }
        }
    }
    for (blob, size) in documents.attached.iter().flat_map(|one| &one.blobs) {
        if seen.insert(blob.clone()) {
            let layer = Layer {
                blob: blob.clone(),
                size: *size,
                diff_id: blob.clone(),
            };
            found.push((layer, false));
        }
    }
    // The largest first: the pull is as long as its longest layer.
    found.sort_by_key(|(layer, _)| std::cmp::Reverse(layer.size));
    found
}

/// The blobs of all that is wanted: documents and layers.
fn blobs(documents: &Documents) -> Vec<Digest> {
    let mut digests: Vec<Digest> = Vec::new();
    digests.extend(documents.index.iter().map(|index| index.digest.clone()));
    for image in &documents.images {
        digests.push(image.manifest.digest.clone());
        digests.push(image.config_digest.clone());
        digests.extend(image.layers.iter().map(|layer| layer.blob.clone()));
    }
    for attached in &documents.attached {
        digests.push(attached.manifest.digest.clone());
        digests.extend(attached.blobs.iter().map(|(blob, _)| blob.clone()));
    }
    digests
}

/// The unpacked layers of all that is wanted.
fn trees(documents: &Documents) -> Vec<Digest> {
    let layers = documents.images.iter().flat_map(|image| &image.layers);
    layers.map(|layer| layer.diff_id.clone()).collect()
}
