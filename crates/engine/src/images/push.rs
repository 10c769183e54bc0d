//! Pushing images.

use image::registry::{Access, Repository, Settings};
use image::{Compression, NamedBy, Platform, Reference, Tools};

use super::list::found;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// What is to be pushed.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// The image, by the name that it is pushed under.
    pub image: String,
    /// The name that it is pushed under instead.
    pub destination: Option<String>,
    /// The image for this platform.
    pub platform: Option<Platform>,
    /// The images for all platforms, with an index of them.
    pub all_platforms: bool,
    /// What layers become that are not compressed.
    pub compression: Compression,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushResult {
    /// The repository, as people write it.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The digest of the manifest.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
}

impl Engine {
    /// All names with a tag of an image's repository, in their order.
    ///
    /// # Errors
    /// When the store cannot be read; when there is none.
    pub fn tags_here(&self, repository: &str) -> Result<Vec<String>, Error> {
        let name: Reference = repository.parse()?;
        let wanted = name.familiar_repository();
        let images = self.image_store().list()?;
        let names = images.iter().flat_map(|image| &image.references);
        let mut found: Vec<String> = names
            .filter(|name| name.tag().is_some() && name.familiar_repository() == wanted)
            .map(Reference::familiar)
            .collect();
        found.sort();
        found.dedup();
        match found.is_empty() {
            true => Err(image::Error::NotFound { name: wanted }.into()),
            false => Ok(found),
        }
    }

    /// Pushes an image. The workers' threads are joined when it returns.
    ///
    /// # Errors
    /// An unknown image; a registry that does not take it.
    pub fn push(
        &self,
        request: &PushRequest,
        settings: &Settings,
        tools: Tools<'_>,
    ) -> Result<PushResult, Error> {
        let store = self.image_store();
        let found = found(&store, &request.image, request.platform.as_ref())?;
        let name: Reference = request
            .destination
            .as_ref()
            .unwrap_or(&request.image)
            .parse()?;
        let repository =
            Repository::open(settings, &name, Access::Push).map_err(image::Error::from)?;
        let codec = request.compression;
        let pushed = match (request.all_platforms, &found.named_by) {
            (false, _) => store.push(&name, &found.image, &repository, codec, tools)?,
            (true, NamedBy::Reference(source)) => {
                store.push_all(source, &name, &repository, codec, tools)?
            }
            (true, NamedBy::Id) => {
                return Err(Error::Invalid {
                    what: "image",
                    why: format!("{} is one image: several have a name", request.image),
                });
            }
        };
        let event = Event::of_image(&name.familiar(), &name.familiar_repository(), "push");
        note(&self.paths, &[event]);
        Ok(PushResult {
            repository: name.familiar_repository(),
            tag: name.tag().unwrap_or_default().to_owned(),
            digest: pushed.digest.to_string(),
            size: pushed.size,
        })
    }
}
