//! From what a name means to the images that are wanted: indexes, manifests and configurations,
//! each checked before anything else is fetched.

use std::io::Read;

use spec::image::{Descriptor, ImageConfig, Index, Manifest};

use super::Source;
use crate::attached::{Attached, is_image};
use crate::content::Images;
use crate::registry::RawManifest;
use crate::{Digest, Error, Platform};

/// Of a configuration.
const LARGEST_CONFIG: u64 = 8 << 20;
/// An index of indexes is allowed, a circle is not.
const DEEPEST: u32 = 3;

/// Which images of an index are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one for this platform.
    Platform(Platform),
    /// All of them.
    All,
    /// The one for this machine; where there is no choice, whatever it is for.
    Any,
}

/// An image whose documents are here.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) manifest: RawManifest,
    pub(super) config_digest: Digest,
    pub(super) config_bytes: Vec<u8>,
    pub(super) platform: Platform,
    pub(super) layers: Vec<Layer>,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) blob: Digest,
    pub(super) size: u64,
    pub(super) diff_id: Digest,
}

/// All that is wanted of what a name means.
#[derive(Debug)]
pub(super) struct Documents {
    /// What the name means.
    pub(super) top: Digest,
    /// The index that the name means, if it is one.
    pub(super) index: Option<RawManifest>,
    pub(super) images: Vec<Document>,
    /// What the index names beside images, when all that it names is wanted.
    pub(super) attached: Vec<Attached>,
}

/// Fetches the documents of what is wanted.
pub(super) fn fetch(
    images: &Images,
    source: &dyn Source,
    wanted: &Wanted,
) -> Result<Documents, Error> {
    let top = source.top()?;
    let fetching = Fetching { images, source };
    let mut documents = Documents {
        top: top.digest.clone(),
        index: None,
        images: Vec::new(),
        attached: Vec::new(),
    };
    match shape(&top)? {
        Shape::Index => {
            for entry in fetching.choose(&top, wanted, DEEPEST)? {
                source.demand_signatures(&[&top.digest, &entry.digest])?;
                documents.images.push(fetching.image(entry)?);
            }
            if *wanted == Wanted::All {
                documents.attached = fetching.attached(&top)?;
            }
            documents.index = Some(top);
        }
        Shape::Manifest => {
            source.demand_signatures(&[&top.digest])?;
            let image = fetching.image(top)?;
            if let Wanted::Platform(platform) = wanted
                && platform.distance(&image.platform).is_none()
            {
                return Err(Error::NoPlatform {
                    wanted: platform.to_string(),
                    available: image.platform.to_string(),
                });
            }
            documents.images.push(image);
        }
    }
    Ok(documents)
}

/// What a document is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A list of manifests.
    Index,
    /// An image.
    Manifest,
}

/// What a document is by its content, which must agree with what it is said to be: one that is
/// both would mean different images to different readers.
pub(crate) fn shape(document: &RawManifest) -> Result<Shape, Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Keys {
        schema_version: u32,
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
        config: Option<serde::de::IgnoredAny>,
    }
    let unusable = |why: String| Error::Unusable {
        what: format!("the manifest {}", document.digest),
        why,
    };
    let keys: Keys = serde_json::from_slice(&document.bytes)
        .map_err(|error| unusable(format!("it is no manifest ({error})")))?;
    if keys.schema_version != 2 {
        return Err(unusable(format!(
            "it has Docker's old schema {}; push it again with a newer program",
            keys.schema_version
        )));
    }
    let shape = match (
        keys.manifests.is_some(),
        keys.layers.is_some() || keys.config.is_some(),
    ) {
        (true, false) => Shape::Index,
        (false, true) => Shape::Manifest,
        (true, true) => return Err(unusable("it is an index and an image at once".to_owned())),
        (false, false) => return Err(unusable("it is neither an index nor an image".to_owned())),
    };
    let said = keys.media_type.as_deref().unwrap_or_default();
    let is_list = |name: &str| name.contains("index") || name.contains("manifest.list");
    for name in [said, &document.media_type] {
        let is_known = name.ends_with("+json") && (is_list(name) || name.contains("manifest"));
        if is_known && is_list(name) != (shape == Shape::Index) {
            return Err(unusable(format!("its type is {name}, which it is not")));
        }
    }
    Ok(shape)
}

struct Fetching<'a> {
    images: &'a Images,
    source: &'a dyn Source,
}

impl Fetching<'_> {
    /// The manifests of an index that are wanted.
    fn choose(
        &self,
        index: &RawManifest,
        wanted: &Wanted,
        depth: u32,
    ) -> Result<Vec<RawManifest>, Error> {
        let parsed = parse(index)?;
        let chosen = match wanted {
            Wanted::All => parsed.manifests.iter().filter(is_image).collect(),
            Wanted::Platform(platform) => vec![best(&parsed, platform)?],
            Wanted::Any => vec![best(&parsed, &Platform::host())?],
        };
        let mut found = Vec::new();
        for entry in chosen {
            let manifest = self.manifest(entry)?;
            match shape(&manifest)? {
                Shape::Manifest => found.push(manifest),
                Shape::Index if depth > 0 => {
                    found.extend(self.choose(&manifest, wanted, depth - 1)?);
                }
                Shape::Index => {
                    return Err(Error::Unusable {
                        what: format!("the index {}", index.digest),
                        why: "it holds indexes of indexes without an end".to_owned(),
                    });
                }
            }
        }
        Ok(found)
    }

    /// What an index names beside images.
    fn attached(&self, index: &RawManifest) -> Result<Vec<Attached>, Error> {
        let parsed = parse(index)?;
        let mut found = Vec::new();
        for entry in parsed.manifests.iter().filter(|entry| !is_image(entry)) {
            let manifest = self.manifest(entry)?;
            if shape(&manifest)? == Shape::Manifest {
                found.push(Attached::of(manifest)?);
            }
        }
        Ok(found)
    }

    fn manifest(&self, entry: &Descriptor) -> Result<RawManifest, Error> {
        let digest: Digest = entry.digest.parse()?;
        if let Ok(bytes) = self.images.read_blob(&digest) {
            return Ok(RawManifest {
                bytes,
                media_type: entry.media_type.clone(),
                digest,
            });
        }
        self.source.manifest(&digest)
    }

    /// An image with its configuration.
    fn image(&self, manifest: RawManifest) -> Result<Document, Error> {
        let unusable = |why: String| Error::Unusable {
            what: format!("the image {}", manifest.digest),
            why,
        };
        let damaged = |source| Error::Document {
            path: manifest.digest.to_string().into(),
            source,
        };
        let parsed = Manifest::parse(&manifest.bytes).map_err(damaged)?;
        check_types(&parsed).map_err(unusable)?;
        let (config_digest, config_bytes) = self.config(&parsed.config)?;
        let config = ImageConfig::parse(&config_bytes).map_err(damaged)?;
        if config.rootfs.diff_ids.len() != parsed.layers.len() {
            return Err(unusable(format!(
                "its configuration names {} layers, its manifest {}",
                config.rootfs.diff_ids.len(),
                parsed.layers.len()
            )));
        }
        let mut layers = Vec::new();
        for (layer, diff_id) in parsed.layers.iter().zip(&config.rootfs.diff_ids) {
            layers.push(Layer {
                blob: layer.digest.parse()?,
                size: layer.size,
                diff_id: diff_id.parse()?,
            });
        }
        let variant = config.variant.as_deref().unwrap_or_default();
        Ok(Document {
            platform: Platform::new(&config.os, &config.architecture, variant),
            manifest,
            config_digest,
            config_bytes,
            layers,
        })
    }

    fn config(&self, descriptor: &Descriptor) -> Result<(Digest, Vec<u8>), Error> {
        let digest: Digest = descriptor.digest.parse()?;
        if let Ok(bytes) = self.images.read_blob(&digest) {
            return Ok((digest, bytes));
        }
        let what = format!("the configuration {digest}");
        if descriptor.size > LARGEST_CONFIG {
            return Err(Error::Unusable {
                what,
                why: format!("it is larger than {LARGEST_CONFIG} bytes"),
            });
        }
        let mut bytes = Vec::new();
        self.source
            .blob(&digest, descriptor.size, 0)?
            .take(LARGEST_CONFIG)
            .read_to_end(&mut bytes)
            .map_err(Error::stream(&what))?;
        let found = Digest::of(&bytes);
        match found == digest {
            true => Ok((digest, bytes)),
            false => Err(Error::WrongDigest {
                what,
                found,
                expected: digest,
            }),
        }
    }
}

fn parse(index: &RawManifest) -> Result<Index, Error> {
    Index::parse(&index.bytes).map_err(|source| Error::Document {
        path: index.digest.to_string().into(),
        source,
    })
}

fn best<'a>(index: &'a Index, wanted: &Platform) -> Result<&'a Descriptor, Error> {
    let candidates: Vec<&Descriptor> = index.manifests.iter().filter(is_image).collect();
    // An entry that does not say what it is for is for whoever has no other choice.
    let distance = |entry: &&&Descriptor| match &entry.platform {
        Some(platform) => wanted.distance(&Platform::of(platform)),
        None => Some(u32::MAX),
    };
    let usable = candidates.iter().filter(|entry| distance(entry).is_some());
    let best = usable.min_by_key(|entry| distance(entry));
    best.copied().ok_or_else(|| {
        let platforms = candidates
            .iter()
            .filter_map(|entry| entry.platform.as_ref());
        let names: Vec<String> = platforms
            .map(|platform| Platform::of(platform).to_string())
            .collect();
        Error::NoPlatform {
            wanted: wanted.to_string(),
            available: match names.is_empty() {
                true => "nothing".to_owned(),
                false => names.join(", "),
            },
        }
    })
}

/// Refuses what is no image, by what its parts are said to be.
fn check_types(manifest: &Manifest) -> Result<(), String> {
    let config = manifest.config.media_type.as_str();
    let is_config = config.contains(".image.config.") || config.contains(".container.image.");
    if !is_config {
        let kind = manifest.artifact_type.as_deref().unwrap_or(config);
        return Err(format!(
            "it is an artifact of type {kind}, not an image to run"
        ));
    }
    let is_layer = |name: &str| {
        let plain = name.contains(".image.layer.") || name.contains(".image.rootfs.");
        plain && !name.contains("+encrypted")
    };
    match manifest
        .layers
        .iter()
        .find(|layer| !is_layer(&layer.media_type))
    {
        Some(layer) => Err(format!(
            "its layer {} has the type {}, which is not supported",
            layer.digest, layer.media_type
        )),
        None => Ok(()),
    }
}
