//! The files of a container: the layers of its root, and its mounts.

use std::path::{Path, PathBuf};

use serde::Serialize;
use spec::runtime::Config;

use crate::container::config::Root;
use crate::container::record::Record;

/// A part of a container's root: one overlay, or a directory.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RootPart {
    /// Where it is mounted.
    pub target: PathBuf,
    /// Its layers, topmost first.
    pub layers: Vec<Layer>,
}

/// A layer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Layer {
    /// Its directory on the host.
    pub path: PathBuf,
    /// Whether the container writes here.
    pub writable: bool,
}

/// A mount.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mounted {
    /// Where it is inside.
    pub target: PathBuf,
    /// `bind`, or the file system.
    pub kind: String,
    /// Where it comes from.
    pub source: Option<PathBuf>,
    /// The volume that it is.
    pub volume: Option<String>,
    /// How it is mounted.
    pub options: Vec<String>,
}

/// The layers of a container's root.
pub(super) fn root(record: &Record) -> Vec<RootPart> {
    if let (Root::Directory { path, .. }, []) = (&record.config.root, record.overlays.as_slice()) {
        return vec![RootPart {
            target: PathBuf::from("/"),
            layers: vec![layer(path, true)],
        }];
    }
    let parts = record.overlays.iter().map(|overlay| {
        let upper = layer(&overlay.writable.join("upper"), true);
        let lower = overlay.lower.iter().map(|path| layer(path, false));
        RootPart {
            target: overlay.target.clone(),
            layers: std::iter::once(upper).chain(lower).collect(),
        }
    });
    parts.collect()
}

fn layer(path: &Path, writable: bool) -> Layer {
    Layer {
        path: path.to_owned(),
        writable,
    }
}

/// What its user asked to mount, of a container that does not run.
pub(super) fn wished(record: &Record) -> Vec<Mounted> {
    let volumes = record.config.volumes.iter().map(|volume| Mounted {
        target: volume.target.clone(),
        kind: "bind".to_owned(),
        source: Some(volume.source.clone()),
        volume: volume.name.clone(),
        options: volume
            .read_only
            .then(|| "ro".to_owned())
            .into_iter()
            .collect(),
    });
    let tmpfs = record.config.tmpfs.iter().map(|tmpfs| Mounted {
        target: tmpfs.target.clone(),
        kind: "tmpfs".to_owned(),
        source: None,
        volume: None,
        options: tmpfs.options.clone(),
    });
    volumes.chain(tmpfs).collect()
}

/// All mounts of a running container but its root.
pub(super) fn mounted(config: &Config, record: &Record) -> Vec<Mounted> {
    let volume_at = |target: &Path| {
        let mut volumes = record.config.volumes.iter();
        volumes.find(|volume| volume.target == target)?.name.clone()
    };
    let mounts = config.mounts.iter();
    let mounts = mounts.filter(|mount| mount.kind.as_deref() != Some("overlay"));
    let mounts = mounts.map(|mount| Mounted {
        kind: mount.kind.clone().unwrap_or_else(|| "bind".to_owned()),
        source: mount.source.clone(),
        volume: volume_at(&mount.destination),
        options: mount.options.clone(),
        target: mount.destination.clone(),
    });
    mounts.collect()
}
