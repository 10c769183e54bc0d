//! Which images are here, and what is meant by a name or the beginning of an id.

use spec::image::ContainerDefaults;

use crate::content::Images;
use crate::{Digest, Error, Reference, host, index};

/// Shorter beginnings are taken for names only.
const SHORTEST_PREFIX: usize = 1;

/// An image in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The digest of its configuration.
    pub id: Digest,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Its names; empty when another image took the last one.
    pub references: Vec<Reference>,
    /// When it was made (RFC 3339), if it says so.
    pub created: Option<String>,
    /// The machine it is for, as in `amd64`.
    pub architecture: String,
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
        let mut images: Vec<Image> = Vec::new();
        for entry in self.read_index()?.manifests {
            let manifest: Digest = entry.digest.parse()?;
            let reference = index::name(&entry).map(str::parse).transpose()?;
            match images.iter_mut().find(|image| image.manifest == manifest) {
                Some(image) => image.references.extend(reference),
                None => {
                    let mut image = self.read_image(manifest)?;
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
        if host::is_built_in(name) {
            return Err(Error::BuiltIn {
                name: name.to_owned(),
            });
        }
        let images = self.list()?;
        let reference = name.parse::<Reference>();
        if let Ok(wanted) = &reference
            && let Some(image) = images.iter().find(|image| is_called(image, wanted))
        {
            return Ok(Found {
                image: image.clone(),
                named_by: NamedBy::Reference(wanted.clone()),
            });
        }
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

    fn read_image(&self, manifest_digest: Digest) -> Result<Image, Error> {
        let manifest = self.read_manifest(&manifest_digest)?;
        let id: Digest = manifest.config.digest.parse()?;
        let config = self.read_config(&id)?;
        let diff_ids = config.rootfs.diff_ids.iter().map(|digest| digest.parse());
        Ok(Image {
            id,
            manifest: manifest_digest,
            references: Vec::new(),
            created: config.created,
            architecture: config.architecture,
            size: manifest.layers.iter().map(|layer| layer.size).sum(),
            diff_ids: diff_ids.collect::<Result<_, _>>()?,
            config: config.config,
        })
    }
}

/// Whether a name means an image; with a digest, it is the digest that counts.
fn is_called(image: &Image, wanted: &Reference) -> bool {
    match wanted.digest() {
        Some(digest) => {
            let repository = wanted.familiar_repository();
            let same = |one: &Reference| one.familiar_repository() == repository;
            image.manifest == *digest && image.references.iter().any(same)
        }
        None => image.references.contains(wanted),
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
