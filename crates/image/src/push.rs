//! Pushing: an image of the store into a registry. Layers that are not compressed are, once: the
//! image is that of the registry from then on, with the same digest here and there.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use spec::image::{
    Descriptor, MEDIA_TYPE_LAYER, MEDIA_TYPE_LAYER_GZIP, MEDIA_TYPE_LAYER_ZSTD, Manifest,
};
use store::Durability;

use crate::content::Images;
use crate::decompress::Compression;
use crate::digest::Hashing;
use crate::index::{self, Naming};
use crate::lease::Lease;
use crate::list::Image;
use crate::progress::{Event, LayerState};
use crate::pull::Tools;
use crate::registry::{LocalBlob, RawManifest, Repository, Sent};
use crate::workers::for_each;
use crate::{Digest, Error, Reference};

const LAYERS_AT_ONCE: usize = 4;
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of the manifest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// A blob that is to be sent.
pub(crate) struct Part {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Repositories of the registry from which it may be taken.
    pub(crate) elsewhere: Vec<String>,
}

impl Images {
    /// Pushes the image that is called `name` (or `image`, when it is not called so) under this
    /// name. Layers that are not compressed become `compression`.
    ///
    /// # Errors
    /// When the image is not complete here, or the registry does not take it.
    pub fn push(
        &self,
        name: &Reference,
        image: &Image,
        repository: &Repository,
        compression: Compression,
        tools: Tools<'_>,
    ) -> Result<Pushed, Error> {
        let tag = match name.digest() {
            Some(digest) => digest.to_string(),
            None => name.tag().unwrap_or("latest").to_owned(),
        };
        let manifest = self.push_as(Some(&tag), name, image, repository, compression, tools)?;
        Ok(Pushed {
            size: manifest.bytes.len() as u64,
            digest: manifest.digest,
        })
    }

    /// Pushes an image to the repository of `name`, under a tag or under its digest.
    pub(crate) fn push_as(
        &self,
        tag: Option<&str>,
        name: &Reference,
        image: &Image,
        repository: &Repository,
        compression: Compression,
        tools: Tools<'_>,
    ) -> Result<RawManifest, Error> {
        let shared = self.share()?;
        let blobs = self.blobs_of(image)?;
        let needed = blobs.iter().map(|(digest, _)| digest.clone());
        let lease = Lease::new(&shared, needed.chain(image.diff_ids.iter().cloned()))?;
        drop(shared);
        let manifest = self.compressed(image, compression, &lease, tools)?;
        let parsed = Manifest::parse(&manifest.bytes).map_err(|source| Error::Document {
            path: manifest.digest.to_string().into(),
            source,
        })?;
        let mut parts = Vec::new();
        let mut layers = Vec::new();
        for descriptor in parsed.layers.iter().chain([&parsed.config]) {
            let digest: Digest = descriptor.digest.parse()?;
            if parts.iter().any(|part: &Part| part.digest == digest) {
                continue;
            }
            layers.push((digest.clone(), descriptor.size));
            parts.push(Part {
                elsewhere: self.elsewhere(name, &digest)?,
                digest,
                size: descriptor.size,
            });
        }
        // The configuration is not shown.
        layers.pop();
        tools.progress.tell(&Event::Layers(&layers));
        for_each(tools.workers, LAYERS_AT_ONCE, &parts, |part| {
            self.send(part, repository, tools)
        })?;
        let digest = manifest.digest.to_string();
        repository.push_manifest(tag.unwrap_or(&digest), &manifest)?;
        drop(lease);
        // What the compressed layers took the place of.
        let mut old: Vec<Digest> = blobs.into_iter().map(|(digest, _)| digest).collect();
        old.push(image.manifest.clone());
        self.exclude()?.release(&old)?;
        Ok(manifest)
    }

    pub(crate) fn send(
        &self,
        part: &Part,
        repository: &Repository,
        tools: Tools<'_>,
    ) -> Result<(), Error> {
        let path = self.blob(&part.digest);
        let file = File::open(&path).map_err(Error::io("opening", &path))?;
        let state = |state| tools.progress.tell(&Event::Layer(&part.digest, state));
        state(LayerState::Uploading);
        let blob = LocalBlob {
            file: &file,
            digest: &part.digest,
            size: part.size,
            elsewhere: &part.elsewhere,
        };
        let told = |count| tools.progress.tell(&Event::Bytes(&part.digest, count));
        state(match repository.push_blob(&blob, &told)? {
            Sent::Exists => LayerState::Exists,
            Sent::Mounted(_) => LayerState::Mounted,
            Sent::Uploaded => LayerState::Complete,
        });
        Ok(())
    }

    /// Other repositories of the same registry from which a blob may be taken.
    fn elsewhere(&self, name: &Reference, digest: &Digest) -> Result<Vec<String>, Error> {
        let mut found: Vec<String> = Vec::new();
        for image in self.list()? {
            let same = image
                .references
                .iter()
                .filter(|other| other.domain() == name.domain() && other.path() != name.path());
            let paths: Vec<String> = same.map(|other| other.path().to_owned()).collect();
            if paths.is_empty()
                || !self
                    .blobs_of(&image)?
                    .iter()
                    .any(|(blob, _)| blob == digest)
            {
                continue;
            }
            found.extend(paths);
        }
        found.sort();
        found.dedup();
        // More than a few tries cost more than sending.
        found.truncate(2);
        Ok(found)
    }

    /// The layers of an image as they are stored, and their lengths.
    fn blobs_of(&self, image: &Image) -> Result<Vec<(Digest, u64)>, Error> {
        let manifest = self.read_manifest(&image.manifest)?;
        let layers = manifest.layers.iter();
        layers
            .map(|layer| Ok((layer.digest.parse()?, layer.size)))
            .collect()
    }

    /// The manifest of the image with all layers compressed; the image has it from now on.
    fn compressed(
        &self,
        image: &Image,
        compression: Compression,
        lease: &Lease,
        tools: Tools<'_>,
    ) -> Result<RawManifest, Error> {
        let bytes = self.read_blob(&image.manifest)?;
        let mut manifest = self.read_manifest(&image.manifest)?;
        let media_type = manifest.media_type.clone().unwrap_or_default();
        let old = RawManifest {
            bytes,
            media_type: media_type.clone(),
            digest: image.manifest.clone(),
        };
        let is_plain = |layer: &&Descriptor| layer.media_type == MEDIA_TYPE_LAYER;
        if compression == Compression::None || !manifest.layers.iter().any(|l| is_plain(&l)) {
            return Ok(old);
        }
        let plain: Vec<Descriptor> = manifest.layers.iter().filter(is_plain).cloned().collect();
        let sizes = plain
            .iter()
            .map(|layer| Ok((layer.digest.parse()?, layer.size)));
        let sizes: Vec<(Digest, u64)> = sizes.collect::<Result<_, Error>>()?;
        tools.progress.tell(&Event::Layers(&sizes));
        let made = std::sync::Mutex::new(std::collections::BTreeMap::new());
        for_each(tools.workers, LAYERS_AT_ONCE, &plain, |layer| {
            let new = self.compress(layer, compression, lease.path(), tools)?;
            let mut made = made
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            made.insert(layer.digest.clone(), new);
            Ok::<(), Error>(())
        })?;
        let made = made
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for layer in &mut manifest.layers {
            if let Some(new) = made.get(&layer.digest) {
                *layer = new.clone();
            }
        }
        let bytes = serde_json::to_vec(&manifest).map_err(|source| Error::Serialize {
            what: "the image's manifest",
            source,
        })?;
        let new = RawManifest {
            digest: Digest::of(&bytes),
            bytes,
            media_type,
        };
        self.replace_manifest(image, &new)?;
        Ok(new)
    }

    /// Compresses a layer into the store; gives back its descriptor.
    fn compress(
        &self,
        layer: &Descriptor,
        compression: Compression,
        directory: &Path,
        tools: Tools<'_>,
    ) -> Result<Descriptor, Error> {
        let digest: Digest = layer.digest.parse()?;
        let state = |state| tools.progress.tell(&Event::Layer(&digest, state));
        state(LayerState::Compressing);
        let from = self.blob(&digest);
        let to = directory.join(format!("blob-{}", digest.hex()));
        let source = File::open(&from).map_err(Error::io("opening", &from))?;
        let source = Told {
            source,
            tell: |count| tools.progress.tell(&Event::Bytes(&digest, count)),
        };
        let mut source = BufReader::with_capacity(1 << 17, source);
        let file = File::create(&to).map_err(Error::io("making", &to))?;
        let mut out = Hashing::new(BufWriter::with_capacity(1 << 17, file));
        let failed = || Error::io("compressing", &from);
        let media_type = match compression {
            Compression::Zstd => {
                let mut encoder =
                    zstd::stream::write::Encoder::new(&mut out, ZSTD_LEVEL).map_err(failed())?;
                io::copy(&mut source, &mut encoder).map_err(failed())?;
                encoder.finish().map_err(failed())?;
                MEDIA_TYPE_LAYER_ZSTD
            }
            _ => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                let mut encoder = flate2::write::GzEncoder::new(&mut out, level);
                io::copy(&mut source, &mut encoder).map_err(failed())?;
                encoder.finish().map_err(failed())?;
                MEDIA_TYPE_LAYER_GZIP
            }
        };
        out.flush().map_err(failed())?;
        let (out, compressed, size) = out.finish();
        // The form that is not compressed goes when this one is there.
        let file = out.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_data()).map_err(failed())?;
        let place = self.blob(&compressed);
        rustix::fs::rename(&to, &place).map_err(Error::errno("naming", &place))?;
        state(LayerState::Compressed);
        Ok(Descriptor {
            media_type: media_type.to_owned(),
            digest: compressed.to_string(),
            size,
            ..layer.clone()
        })
    }

    /// Lets all names of an image mean this manifest of the same content.
    fn replace_manifest(&self, image: &Image, new: &RawManifest) -> Result<(), Error> {
        let store = self.exclude()?;
        store.put_document(&new.digest, &new.bytes, Durability::Durable)?;
        let old = image.manifest.to_string();
        let entries = self.read_index()?.manifests;
        let named = entries.iter().filter(|entry| entry.digest == old);
        let names: Vec<Reference> = named
            .filter_map(|entry| index::name(entry)?.parse().ok())
            .collect();
        let naming = Naming {
            manifest: new,
            platform: &image.platform,
            index: None,
        };
        store.name_images(&names, &[naming])?;
        let mut index = self.read_index()?;
        index.manifests.retain(|entry| entry.digest != old);
        store.write_index(&index)
    }
}

/// A file that says how much of it is read.
struct Told<F> {
    source: File,
    tell: F,
}

impl<F: Fn(u64)> Read for Told<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        (self.tell)(count as u64);
        Ok(count)
    }
}
