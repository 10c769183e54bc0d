//! Everything about an image, and how its layers came about.

use image::{Image, NamedBy, Platform};
use serde::Serialize;
use spec::image::ContainerDefaults;

use super::list::found;
use crate::{Engine, Error};

/// An image as `image inspect` shows it, in Docker's shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageInspection {
    /// The digest of its configuration.
    pub id: String,
    /// Its names.
    pub repo_tags: Vec<String>,
    /// Its names by digest.
    pub repo_digests: Vec<String>,
    /// What its maker says about the last layer.
    pub comment: String,
    /// When it was made.
    pub created: String,
    /// Who made it.
    pub author: String,
    /// What it says about processes.
    pub config: ContainerDefaults,
    /// The CPU.
    pub architecture: String,
    /// The generation of the CPU.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// The operating system.
    pub os: String,
    /// Bytes of its layers' archives.
    pub size: u64,
    /// Its layers.
    #[serde(rename = "RootFS")]
    pub root_fs: Layers,
    /// The descriptor of its manifest.
    pub descriptor: Descriptor,
}

/// The layers of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Layers {
    /// Always `layers`.
    #[serde(rename = "Type")]
    pub kind: &'static str,
    /// The digests of their archives, uncompressed, the lowest first.
    pub layers: Vec<String>,
}

/// A manifest of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
}

/// A step of an image's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    /// The id of the image that ends with it, if it is known.
    pub id: Option<String>,
    /// When, RFC 3339.
    pub created: Option<String>,
    /// By which command.
    pub created_by: String,
    /// Bytes of the layer's archive.
    pub size: u64,
    /// What its maker says.
    pub comment: String,
}

impl Engine {
    /// Everything about an image; with a platform, about the one for it.
    ///
    /// # Errors
    /// An unknown image.
    pub fn inspect_image(
        &self,
        name: &str,
        platform: Option<&Platform>,
    ) -> Result<ImageInspection, Error> {
        let store = self.image_store();
        let _shared = store.share()?;
        let image = found(&store, name, platform)?.image;
        let (config, manifest) = store.documents(&image)?;
        let last = config.history.last();
        Ok(ImageInspection {
            id: image.id.to_string(),
            repo_tags: tags(&image),
            repo_digests: digests(&image),
            comment: last
                .and_then(|step| step.comment.clone())
                .unwrap_or_default(),
            created: config.created.unwrap_or_default(),
            author: config.author.unwrap_or_default(),
            config: config.config,
            architecture: image.platform.architecture.clone(),
            variant: image.platform.variant.clone(),
            os: image.platform.os.clone(),
            size: image.size,
            root_fs: Layers {
                kind: "layers",
                layers: image.diff_ids.iter().map(ToString::to_string).collect(),
            },
            descriptor: Descriptor {
                media_type: manifest.media_type.unwrap_or_default(),
                digest: image.manifest.to_string(),
            },
        })
    }

    /// How an image came about, the last step first; with a platform, the one for it.
    ///
    /// # Errors
    /// An unknown image.
    pub fn history(
        &self,
        name: &str,
        platform: Option<&Platform>,
    ) -> Result<Vec<HistoryLine>, Error> {
        let store = self.image_store();
        let _shared = store.share()?;
        let image = found(&store, name, platform)?.image;
        let (config, manifest) = store.documents(&image)?;
        let mut sizes = manifest.layers.iter().map(|layer| layer.size);
        let mut lines: Vec<HistoryLine> = Vec::new();
        for step in &config.history {
            let size = match step.empty_layer {
                true => Some(0),
                false => sizes.next(),
            };
            lines.push(HistoryLine {
                id: None,
                created: step.created.clone(),
                created_by: step.created_by.clone().unwrap_or_default(),
                size: size.unwrap_or_default(),
                comment: step.comment.clone().unwrap_or_default(),
            });
        }
        // Layers that the history does not tell of.
        lines.extend(sizes.map(|size| HistoryLine {
            id: None,
            created: None,
            created_by: String::new(),
            size,
            comment: String::new(),
        }));
        lines.reverse();
        if let Some(first) = lines.first_mut() {
            first.id = Some(image.id.to_string());
        }
        Ok(lines)
    }

    /// Whether a text means an image that is here.
    pub fn has_image(&self, name: &str) -> bool {
        let store = self.image_store();
        let found = store.find(name);
        found.is_ok_and(|found| matches!(found.named_by, NamedBy::Id | NamedBy::Reference(_)))
    }
}

fn tags(image: &Image) -> Vec<String> {
    let tagged = image
        .references
        .iter()
        .filter(|name| name.digest().is_none());
    tagged.map(image::Reference::familiar).collect()
}

fn digests(image: &Image) -> Vec<String> {
    let digest = image.index.as_ref().unwrap_or(&image.manifest);
    let names = image.references.iter();
    let mut found: Vec<String> = names
        .map(|name| format!("{}@{digest}", name.familiar_repository()))
        .collect();
    found.sort();
    found.dedup();
    found
}
