//! Docker's archives: a configuration and layers, for which a manifest is made here.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::Deserialize;
use spec::image::{
    Descriptor, ImageConfig, MEDIA_TYPE_CONFIG, MEDIA_TYPE_LAYER, MEDIA_TYPE_LAYER_GZIP,
    MEDIA_TYPE_LAYER_ZSTD, MEDIA_TYPE_MANIFEST, Manifest,
};

use super::files::Files;
use crate::decompress::Compression;
use crate::digest::Hashing;
use crate::pull::Source;
use crate::registry::RawManifest;
use crate::{Digest, Error};

/// One image of an archive.
#[derive(Debug)]
pub(super) struct Archived<'a> {
    files: &'a Files,
    manifest: RawManifest,
    /// Where each blob is.
    places: BTreeMap<Digest, String>,
}

/// One entry of `manifest.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    config: String,
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// What an archive holds.
pub(super) fn entries(files: &Files) -> Result<Vec<Entry>, Error> {
    let bytes = files.read("manifest.json")?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Unusable {
        what: files.name(),
        why: format!("its manifest.json is malformed ({error})"),
    })
}

impl<'a> Archived<'a> {
    /// An image of an archive. Layers that are compressed are read once for their digests; the
    /// digest of one that is not stands in the configuration.
    pub(super) fn new(files: &'a Files, entry: &Entry) -> Result<Self, Error> {
        let config_bytes = files.read(&entry.config)?;
        let config = ImageConfig::parse(&config_bytes).map_err(|source| Error::Document {
            path: entry.config.clone().into(),
            source,
        })?;
        let diff_ids = &config.rootfs.diff_ids;
        if diff_ids.len() != entry.layers.len() {
            return Err(Error::Unusable {
                what: files.name(),
                why: "its configuration and its manifest name different numbers of layers"
                    .to_owned(),
            });
        }
        let config_digest = Digest::of(&config_bytes);
        let mut places = BTreeMap::from([(config_digest.clone(), entry.config.clone())]);
        let mut layers = Vec::new();
        for (name, diff_id) in entry.layers.iter().zip(diff_ids) {
            let (media_type, digest, size) = describe(files, name, diff_id)?;
            places.insert(digest.clone(), name.clone());
            layers.push(descriptor(media_type, &digest, size));
        }
        let size = config_bytes.len() as u64;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MEDIA_TYPE_MANIFEST.to_owned()),
            config: descriptor(MEDIA_TYPE_CONFIG, &config_digest, size),
            layers,
            ..Default::default()
        };
        let bytes = serde_json::to_vec(&manifest).map_err(|source| Error::Serialize {
            what: "a manifest",
            source,
        })?;
        Ok(Self {
            files,
            manifest: RawManifest {
                digest: Digest::of(&bytes),
                bytes,
                media_type: MEDIA_TYPE_MANIFEST.to_owned(),
            },
            places,
        })
    }
}

/// Type, digest and length of a layer of an archive.
fn describe(
    files: &Files,
    name: &str,
    diff_id: &str,
) -> Result<(&'static str, Digest, u64), Error> {
    let missing = || Error::Unusable {
        what: files.name(),
        why: format!("the layer {name} is missing in it"),
    };
    let (part, size) = files.open(name, 0)?.ok_or_else(missing)?;
    let failed = Error::stream(&format!("reading the layer {name}"));
    let mut hashing = Hashing::new(part);
    let mut head = Vec::new();
    if let Err(error) = (&mut hashing).take(4).read_to_end(&mut head) {
        return Err(failed(error));
    }
    let media_type = match Compression::of(&head) {
        Compression::None => return Ok((MEDIA_TYPE_LAYER, diff_id.parse()?, size)),
        Compression::Gzip => MEDIA_TYPE_LAYER_GZIP,
        Compression::Zstd => MEDIA_TYPE_LAYER_ZSTD,
    };
    io::copy(&mut hashing, &mut io::sink()).map_err(failed)?;
    let (_, digest, size) = hashing.finish();
    Ok((media_type, digest, size))
}

fn descriptor(media_type: &str, digest: &Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest.to_string(),
        size,
        ..Default::default()
    }
}

impl Source for Archived<'_> {
    fn top(&self) -> Result<RawManifest, Error> {
        Ok(self.manifest.clone())
    }

    fn manifest(&self, _digest: &Digest) -> Result<RawManifest, Error> {
        Ok(self.manifest.clone())
    }

    fn blob(
        &self,
        digest: &Digest,
        _size: u64,
        offset: u64,
    ) -> Result<Box<dyn Read + Send + '_>, Error> {
        let missing = || Error::Unusable {
            what: self.files.name(),
            why: format!("the blob {digest} is missing in it"),
        };
        let name = self.places.get(digest).ok_or_else(missing)?;
        let (part, _) = self.files.open(name, offset)?.ok_or_else(missing)?;
        Ok(Box::new(part))
    }
}
