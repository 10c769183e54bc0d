//! The facts about a container that are written once, when it is created, and where they are
//! kept: durable ones below the data root, those of a `--rm` container below the run root.

use std::path::PathBuf;

use monitor::OnFailure;
use serde::{Deserialize, Serialize};

use super::config::ContainerConfig;
use super::health::HealthConfig;
use super::image_mounts::MountedImage;
use super::process::Resolved;
use super::restarts::RestartPolicy;

/// The version of [`Record`] that this program writes.
pub(super) const RECORD_VERSION: u32 = 1;

/// Everything that is decided about a container when it is created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this document.
    pub version: u32,
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// When it was created, RFC 3339.
    pub created: String,
    /// Whether it lives below the run root alone, because it is removed at its end and runs from
    /// its beginning.
    pub ephemeral: bool,
    /// What was asked for.
    pub config: ContainerConfig,
    /// The process, merged from the image's words and the user's.
    pub process: Resolved,
    /// How it is looked whether it is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthConfig>,
    /// The image, if it is made from one.
    pub image: Option<ImageFacts>,
    /// The overlays that make its root, the root's own first; empty for a writable directory.
    pub overlays: Vec<Overlay>,
    /// Images that are mounted beside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounted_images: Vec<MountedImage>,
}

/// Which image a container was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// As the user named it.
    pub reference: String,
    /// The digest of its configuration; empty for the built-in image.
    pub id: String,
}

/// One overlay of a container's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// Where it is mounted inside.
    pub target: PathBuf,
    /// The read-only layers, topmost first.
    pub lower: Vec<PathBuf>,
    /// The directory with `upper` and `work`.
    pub writable: PathBuf,
}

impl Record {
    /// Whether its monitor may start it again.
    pub(super) fn may_restart(&self) -> bool {
        let on_failure = self.health.as_ref().map(|health| health.on_failure);
        self.config.restart != RestartPolicy::No || on_failure == Some(OnFailure::Restart)
    }

    /// The first twelve digits of the id.
    pub fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}
