//! The root filesystem and the mounts on top of it (runtime-spec, config.md "Root", "Mounts").

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::IdMapping;
use crate::absent::empty_is_none;

/// The root filesystem.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Path of the root directory, absolute or relative to the bundle.
    pub path: PathBuf,
    /// Whether the root is mounted read-only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub readonly: bool,
}

/// One mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// Where it goes in the container; a relative path is taken from `/`.
    pub destination: PathBuf,
    /// Filesystem type; no type, or any type with the option `bind`, is a bind mount.
    #[serde(
        rename = "type",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "empty_is_none"
    )]
    pub kind: Option<String>,
    /// What is mounted: a device, a name, or for a bind mount a path, relative to the bundle.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "empty_is_none"
    )]
    pub source: Option<PathBuf>,
    /// Options as in fstab(5), with those of the specification.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// User ids of an id-mapped mount.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// Group ids of an id-mapped mount.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
}
