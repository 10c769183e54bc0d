//! Which images are here, and what is meant by a name or the beginning of an id.

use std::path::PathBuf;

use spec::image::{ContainerDefaults, Descriptor, ImageConfig, Index, Manifest};

use crate::content::Images;
use crate::{Digest, Error, Platform, Reference, host, index};

/// Shorter beginnings are taken for names only.
const SHORTEST_PREFIX: usize = 1;

/// An image in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The digest of its configuration.
    pub id: Digest,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of the index that it was chosen from, if it came from one.
    pub index: Option<Digest>,
    /// Its names; empty when another image took the last one.
    pub references: Vec<Reference>,
    /// When it was made (RFC 3339), if it says so.
    pub created: Option<String>,
    /// The machine it is for.
    pub platform: Platform,
    /// The sizes of its layers' archives in bytes.
    pub size: u64,
    /// Its layers, the lowest first.
    pub diff_ids: Vec<Digest>,
    /// What it says about processes.
    pub config: ContainerDefaults,
}

/// An image, and how it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The image.
    pub image: Image,
    /// What the text was.
    pub named_by: NamedBy,
}

/// What a text that means an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedBy {
    /// One of its names.
    Reference(Reference),
    /// Its id, or the beginning of it.
    Id,
}

impl Images {
    /// All images, in the order in which they were made here. The built-in `host` is not among
    /// them.
    ///
    /// # Errors
    /// When a document is damaged or cannot be read.
    pub fn list(&self) -> Result<Vec<Image>, Error> {
        self.images_of(&self.read_index()?)
    }

    /// The whole configuration and manifest of an image.
    ///
    /// # Errors
    /// When one is damaged.
    pub fn documents(&self, image: &Image) -> Result<(ImageConfig, Manifest), Error> {
        Ok((
            self.read_config(&image.id)?,
            self.read_manifest(&image.manifest)?,
        ))
    }

    /// Where the layers of an image are, the lowest first.
    pub fn layer_paths(&self, image: &Image) -> Vec<PathBuf> {
        let layers = image.diff_ids.iter();
        layers.map(|diff_id| self.layer(diff_id)).collect()
    }

    fn images_of(&self, index: &Index) -> Result<Vec<Image>, Error> {
        let mut images: Vec<Image> = Vec::new();
        for entry in &index.manifests {
            let manifest: Digest = entry.digest.parse()?;
            let reference = index::name(entry).map(str::parse).transpose()?;
            match images.iter_mut().find(|image| image.manifest == manifest) {
                Some(image) => {
                    image.index = image.index.take().or(index::origin(entry));
                    image.references.extend(reference);
                }
                None => {
                    let mut image = self.read_image(manifest)?;
                    image.index = index::origin(entry);
                    image.references.extend(reference);
                    images.push(image);
                }
            }
        }
        Ok(images)
    }

    /// The image that is meant by `name`: a name, `sha256:<id>`, or the beginning of an id. Names
    /// go before ids, as in Docker.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Ambiguous`]; [`Error::BuiltIn`] for `host`, which is in no
    /// store; [`Error::Reference`] for what is neither a name nor an id.
    pub fn find(&self, name: &str) -> Result<Found, Error> {
        self.find_for(name, &Platform::host())
    }

    /// As [`Images::find`], where a name means images for several platforms.
    ///
    /// # Errors
    /// As [`Images::find`].
    pub fn find_for(&self, name: &str, platform: &Platform) -> Result<Found, Error> {
        if host::is_built_in(name) {
            return Err(Error::BuiltIn {
                name: name.to_owned(),
            });
        }
        let index = self.read_index()?;
        let reference = name.parse::<Reference>().map(Reference::exact);
        if let Ok(wanted) = &reference
            && let Some(image) = self.called(&index, wanted, platform)?
        {
            return Ok(Found {
                image,
                named_by: NamedBy::Reference(wanted.clone()),
            });
        }
        let images = self.images_of(&index)?;
        if let Some(image) = by_id(&images, name)? {
            return Ok(Found {
                image: image.clone(),
                named_by: NamedBy::Id,
            });
        }
        match reference {
            Err(error) if prefix_of_id(name).is_none() => Err(error),
            _ => Err(Error::NotFound {
                name: name.to_owned(),
            }),
        }
    }

    /// As [`Images::find_for`], but nothing else than an image for this platform.
    ///
    /// # Errors
    /// As [`Images::find`]; [`Error::NoPlatform`].
    pub fn find_only_for(&self, name: &str, platform: &Platform) -> Result<Found, Error> {
        let found = self.find_for(name, platform)?;
        match platform.distance(&found.image.platform) {
            Some(_) => Ok(found),
            None => Err(Error::NoPlatform {
                wanted: platform.to_string(),
                available: found.image.platform.to_string(),
            }),
        }
    }

    /// All images that a name means: those for several platforms, as a rule a single one.
    ///
    /// # Errors
    /// When a document is damaged or cannot be read.
    pub fn all_called(&self, wanted: &Reference) -> Result<Vec<Image>, Error> {
        let index = self.read_index()?;
        let entries = index.manifests.iter();
        let called = entries.filter(|entry| means(entry, wanted));
        let digests: Vec<&str> = called.map(|entry| entry.digest.as_str()).collect();
        let mut images = self.images_of(&index)?;
        images.retain(|image| digests.contains(&image.manifest.to_string().as_str()));
        Ok(images)
    }

    /// The image that a name means; of those for several platforms the one for this. Only the
    /// documents of images with the name are read.
    fn called(
        &self,
        index: &Index,
        wanted: &Reference,
        platform: &Platform,
    ) -> Result<Option<Image>, Error> {
        let entries = index.manifests.iter();
        let called = Index {
            manifests: entries
                .filter(|entry| means(entry, wanted))
                .cloned()
                .collect(),
            ..Default::default()
        };
        let images = self.images_of(&called)?;
        let distance = |image: &Image| platform.distance(&image.platform).unwrap_or(u32::MAX);
        let Some(mut image) = images.into_iter().min_by_key(distance) else {
            return Ok(None);
        };
        let digest = image.manifest.to_string();
        let same = index
            .manifests
            .iter()
            .filter(|entry| entry.digest == digest);
        let references = same.filter_map(index::name).map(str::parse);
        image.references = references.collect::<Result<_, _>>()?;
        Ok(Some(image))
    }

    fn read_image(&self, manifest_digest: Digest) -> Result<Image, Error> {
        let manifest = self.read_manifest(&manifest_digest)?;
        let id: Digest = manifest.config.digest.parse()?;
        let config = self.read_config(&id)?;
        let diff_ids = config.rootfs.diff_ids.iter().map(|digest| digest.parse());
        Ok(Image {
            id,
            manifest: manifest_digest,
            index: None,
            references: Vec::new(),
            created: config.created,
            platform: Platform::new(
                &config.os,
                &config.architecture,
                config.variant.as_deref().unwrap_or_default(),
            ),
            size: manifest.layers.iter().map(|layer| layer.size).sum(),
            diff_ids: diff_ids.collect::<Result<_, _>>()?,
            config: config.config,
        })
    }
}

/// Whether an entry is meant by a name; with a digest, it is the digest that counts.
fn means(entry: &Descriptor, wanted: &Reference) -> bool {
    let Some(name) = index::name(entry) else {
        return false;
    };
    match wanted.digest() {
        None => name == wanted.to_string(),
        Some(digest) => {
            let is_meant =
                entry.digest == digest.to_string() || index::origin(entry).as_ref() == Some(digest);
            let repository = |name: &Reference| name.familiar_repository();
            let same = name
                .parse()
                .is_ok_and(|name| repository(&name) == repository(wanted));
            is_meant && same
        }
    }
}

fn prefix_of_id(name: &str) -> Option<&str> {
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    let valid = (SHORTEST_PREFIX..=64).contains(&hex.len())
        && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    valid.then_some(hex)
}

fn by_id<'a>(images: &'a [Image], name: &str) -> Result<Option<&'a Image>, Error> {
    let Some(prefix) = prefix_of_id(name) else {
        return Ok(None);
    };
    let mut found = images
        .iter()
        .filter(|image| image.id.hex().starts_with(prefix));
    let first = found.next();
    match (
        first,
        found.find(|other| Some(&other.id) != first.map(|image| &image.id)),
    ) {
        (_, Some(_)) => Err(Error::Ambiguous {
            prefix: name.to_owned(),
        }),
        (first, None) => Ok(first),
    }
}
