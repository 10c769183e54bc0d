//! Images as containers and users see them: what a reference means, which are there, which are in
//! use. What an image consists of is the image crate's business.

use std::path::PathBuf;

use image::{Found, FromHost, Image, Images, NamedBy, Shared};
use spec::image::ContainerDefaults;

use crate::container::ImageFacts;
use crate::{Engine, Error};

/// What a container is made from.
pub(crate) struct Base {
    pub(crate) image: Option<ImageFacts>,
    /// For each overlay where it is mounted and its layers, topmost first.
    pub(crate) layers: Vec<(PathBuf, Vec<PathBuf>)>,
    pub(crate) defaults: ContainerDefaults,
}

/// An image in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// The name without the tag; `<none>` without a name.
    pub repository: String,
    /// The tag; `<none>` without a name.
    pub tag: String,
    /// The digest of its configuration; empty for the built-in image, which has none.
    pub id: String,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// Bytes of its layers' archives.
    pub size: u64,
}

/// What [`Engine::remove_image`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovedImage {
    /// The names that mean nothing any more.
    pub untagged: Vec<String>,
    /// The digests of the configuration and the layers that are gone.
    pub deleted: Vec<String>,
}

/// What an image offers to a container.
pub(crate) fn base(images: &Shared<'_>, reference: &str) -> Result<Base, Error> {
    let stack = images.stack(reference)?;
    let facts = ImageFacts {
        reference: stack.name,
        id: stack.id.map(|id| id.to_string()).unwrap_or_default(),
    };
    let below = stack
        .extra
        .into_iter()
        .map(|extra| (extra.destination, vec![extra.lower]));
    Ok(Base {
        image: Some(facts),
        layers: std::iter::once((PathBuf::from("/"), stack.root))
            .chain(below)
            .collect(),
        defaults: stack.config,
    })
}

impl Engine {
    /// Where images are kept.
    pub(crate) fn image_store(&self) -> Images {
        Images::new(&self.paths.images())
    }

    /// All images, newest first; one for each name. The built-in one is the last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn images(&self) -> Result<Vec<ImageSummary>, Error> {
        let store = self.image_store();
        let _shared = store.share()?;
        let mut found: Vec<ImageSummary> = store.list()?.iter().flat_map(summaries).collect();
        // The form of the times sorts as text.
        found.sort_by(|a, b| b.created.cmp(&a.created));
        found.push(built_in());
        Ok(found)
    }

    /// Removes a name from an image, and with its last name the image.
    ///
    /// # Errors
    /// An unknown image; [`Error::ImageInUse`], unless `force` is given: containers that use it
    /// keep its layers then.
    pub fn remove_image(&self, name: &str, force: bool) -> Result<RemovedImage, Error> {
        let store = self.image_store();
        let exclusive = store.exclude()?;
        let found = store.find(name)?;
        let id = found.image.id.to_string();
        let containers = self.list(true)?;
        let mut in_use = Vec::new();
        for (record, _) in &containers {
            let uses = record.image.as_ref().is_some_and(|facts| facts.id == id);
            if uses && !force && takes_last_name(&found) {
                return Err(Error::ImageInUse {
                    image: name.to_owned(),
                    container: record.short_id().to_owned(),
                });
            }
            in_use.extend(record.overlays.iter().flat_map(|o| o.lower.iter().cloned()));
        }
        let removal = exclusive.remove(&found, &in_use)?;
        Ok(RemovedImage {
            untagged: removal
                .untagged
                .iter()
                .map(|name| name.familiar())
                .collect(),
            deleted: removal.deleted.iter().map(ToString::to_string).collect(),
        })
    }

    /// Makes an image from programs of the host and what they need; `tag` becomes its name.
    /// Returns the digest of its configuration.
    ///
    /// # Errors
    /// A malformed name; a file, a library or an interpreter that is missing, by its name.
    pub fn image_from_host(
        &self,
        programs: &[PathBuf],
        with: &[PathBuf],
        tag: &str,
        epoch: Option<i64>,
    ) -> Result<String, Error> {
        let request = FromHost {
            tag: tag.parse()?,
            binaries: programs.to_owned(),
            with: with.to_owned(),
            epoch,
        };
        Ok(self.image_store().from_host(&request)?.to_string())
    }
}

/// Whether the image goes with the name it was asked for by.
fn takes_last_name(found: &Found) -> bool {
    match found.named_by {
        NamedBy::Reference(_) => found.image.references.len() <= 1,
        NamedBy::Id => true,
    }
}

fn summaries(image: &Image) -> Vec<ImageSummary> {
    let summary = |repository: String, tag: String| ImageSummary {
        repository,
        tag,
        id: image.id.to_string(),
        created: image.created.clone(),
        size: image.size,
    };
    if image.references.is_empty() {
        return vec![summary("<none>".to_owned(), "<none>".to_owned())];
    }
    let named = image.references.iter();
    named
        .map(|name| {
            let tag = name.tag().unwrap_or("<none>").to_owned();
            summary(name.familiar_repository(), tag)
        })
        .collect()
}

/// The host's own files, which nobody made and which take no room of their own.
fn built_in() -> ImageSummary {
    ImageSummary {
        repository: image::host::NAME.to_owned(),
        tag: "latest".to_owned(),
        id: String::new(),
        created: None,
        size: 0,
    }
}
