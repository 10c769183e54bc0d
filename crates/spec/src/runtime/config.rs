//! The whole of config.json (runtime-spec, config.md).

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Hooks, Linux, Mount, Process, Root};
use crate::Error;
use crate::absent::empty_is_none;

/// How users know the document.
pub(super) const DOCUMENT: &str = "config.json";

/// A container's configuration.
///
/// Unknown properties are ignored, as the specification demands. The properties of other
/// platforms are noticed, so that [`Config::validate`] can refuse them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Version of the specification the bundle complies with.
    pub oci_version: String,
    /// The process to run; may be absent until `start`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The root filesystem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// Host name inside the container.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "empty_is_none"
    )]
    pub hostname: Option<String>,
    /// NIS domain name inside the container.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "empty_is_none"
    )]
    pub domainname: Option<String>,
    /// Mounts on top of the root, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Commands run at points of the container's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks>,
    /// Metadata of any kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What is special to Linux.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linux: Option<Linux>,
    /// Present in a configuration for FreeBSD.
    #[serde(skip_serializing)]
    pub freebsd: Option<IgnoredAny>,
    /// Present in a configuration for Solaris.
    #[serde(skip_serializing)]
    pub solaris: Option<IgnoredAny>,
    /// Present in a configuration for Windows.
    #[serde(skip_serializing)]
    pub windows: Option<IgnoredAny>,
    /// Present in a configuration for a virtual machine.
    #[serde(skip_serializing)]
    pub vm: Option<IgnoredAny>,
    /// Present in a configuration for z/OS.
    #[serde(skip_serializing)]
    pub zos: Option<IgnoredAny>,
}

impl Config {
    /// Reads config.json. The error names the key and what was expected there; rules beyond
    /// types are left to [`Config::validate`].
    pub fn parse(bytes: &[u8]) -> Result<Config, Error> {
        crate::error::parse(DOCUMENT, bytes)
    }
}
