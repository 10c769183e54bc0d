//! Images that are mounted in a container beside its own, read-only.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::ContainerConfig;
use super::layer;
use super::record::{ImageFacts, Overlay};
use crate::Error;
use crate::images;

/// An image that is to be mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageMount {
    /// As the user named it.
    pub reference: String,
    /// The absolute path inside.
    pub target: PathBuf,
}

/// An image that is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountedImage {
    /// Which one.
    pub image: ImageFacts,
    /// How.
    pub overlay: Overlay,
}

/// Finds the images that `config` wants mounted in the container whose directory is `home`.
pub(super) fn find(
    config: &ContainerConfig,
    images: &image::Shared<'_>,
    home: &Path,
) -> Result<Vec<MountedImage>, Error> {
    let mounts = config.image_mounts.iter().enumerate();
    let found = mounts.map(|(number, mount)| {
        let invalid = |why: &str| Error::Invalid {
            what: "mount",
            why: format!("the image {}: {why}", mount.reference),
        };
        let base = match images::base(images, &mount.reference, config.platform.as_deref()) {
            Err(Error::Image(image::Error::NotFound { .. })) => {
                return Err(invalid("it is not here; pull it first"));
            }
            base => base?,
        };
        let (Some(image), [(_, lower)]) = (base.image, base.layers.as_slice()) else {
            return Err(invalid(
                "it is not one tree of files, and cannot be mounted",
            ));
        };
        Ok(MountedImage {
            image,
            overlay: Overlay {
                target: mount.target.clone(),
                lower: lower.clone(),
                // Nothing is written there, but overlayfs wants a place of its own.
                writable: place(home, number),
            },
        })
    });
    found.collect()
}

/// Makes the directories of the overlays in the directory `made`, which will be the container's.
pub(super) fn make(mounted: &[MountedImage], made: &Path) -> Result<(), Error> {
    let overlays = mounted.iter().enumerate().map(|(number, mounted)| Overlay {
        writable: place(made, number),
        ..mounted.overlay.clone()
    });
    layer::make(&overlays.collect::<Vec<_>>())
}

fn place(home: &Path, number: usize) -> PathBuf {
    home.join(format!("image-{number}"))
}
