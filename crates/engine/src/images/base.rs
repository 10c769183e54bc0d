//! What an image offers to a container.

use std::path::PathBuf;

use image::{Platform, Shared};
use spec::image::ContainerDefaults;

use crate::Error;
use crate::container::ImageFacts;

/// What a container is made from.
pub(crate) struct Base {
    pub(crate) image: Option<ImageFacts>,
    /// For each overlay where it is mounted and its layers, topmost first.
    pub(crate) layers: Vec<(PathBuf, Vec<PathBuf>)>,
    pub(crate) defaults: ContainerDefaults,
}

/// What the image offers that a text means, for this machine or another platform.
pub(crate) fn base(
    images: &Shared<'_>,
    reference: &str,
    platform: Option<&str>,
) -> Result<Base, Error> {
    let platform = platform.map(str::parse::<Platform>).transpose();
    let platform = platform.map_err(|error| Error::Invalid {
        what: "platform",
        why: error.to_string(),
    })?;
    let stack = images.stack(reference, platform.as_ref())?;
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
