//! Listing images.

use image::{Found, Image, Images, Platform};

use crate::{Engine, Error};

/// An image in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// The name without the tag; `<none>` without a name.
    pub repository: String,
    /// The tag; `<none>` without a name.
    pub tag: String,
    /// The digest of the index or manifest that a registry knows it by; empty for the built-in
    /// image.
    pub digest: String,
    /// The digest of its configuration; empty for the built-in image, which has none.
    pub id: String,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// Bytes of its layers' archives.
    pub size: u64,
    /// What it runs on, as `linux/amd64`.
    pub platform: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
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
}

/// What a text means; with a platform, only an image for it.
pub(super) fn found(
    store: &Images,
    name: &str,
    platform: Option<&Platform>,
) -> Result<Found, image::Error> {
    match platform {
        Some(platform) => store.find_only_for(name, platform),
        None => store.find(name),
    }
}

fn summaries(image: &Image) -> Vec<ImageSummary> {
    let summary = |repository: String, tag: String| ImageSummary {
        repository,
        tag,
        digest: image.index.as_ref().unwrap_or(&image.manifest).to_string(),
        id: image.id.to_string(),
        created: image.created.clone(),
        size: image.size,
        platform: image.platform.to_string(),
        labels: image.config.labels.clone().into_iter().collect(),
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
        digest: String::new(),
        id: String::new(),
        created: None,
        size: 0,
        platform: image::Platform::host().to_string(),
        labels: Vec::new(),
    }
}
