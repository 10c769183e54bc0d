//! The first use of a volume: what the image has at that place is copied into it, when it is still
//! empty.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::{Error, Overlay};

/// Copies what the overlays have at `target` into the directory `data`, if it is empty.
pub(crate) fn fill(overlays: &[Overlay], target: &Path, data: &Path) -> Result<(), Error> {
    let failed = |error| Error::io("filling the volume", data, error);
    if std::fs::read_dir(data).map_err(failed)?.next().is_some() {
        return Ok(());
    }
    let layers = layers_at(overlays, target);
    if layers.is_empty() {
        return Ok(());
    }
    let mut archive = unnamed_file(data).map_err(failed)?;
    image::export(&[(PathBuf::new(), layers)], &mut archive)?;
    archive.rewind().map_err(failed)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(data, flags, Mode::empty());
    let root = root.map_err(|errno| Error::io("opening the volume", data, errno))?;
    let rights = image::unpack::Rights::of_process();
    let limits = image::unpack::Limits::default();
    image::unpack::unpack(root.as_fd(), BufReader::new(archive), rights, &limits)
        .map_err(|error| failed(std::io::Error::other(error)))?;
    Ok(())
}

/// A file that nobody finds, on the volume's own disk.
fn unnamed_file(data: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = i32::try_from(OFlags::TMPFILE.bits()).unwrap_or_default();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(flags)
        .open(data)
}

/// The directories that make `target`, the lowest first, as far as layers above do not hide them.
fn layers_at(overlays: &[Overlay], target: &Path) -> Vec<PathBuf> {
    let overlay = overlays
        .iter()
        .filter(|overlay| target.starts_with(&overlay.target))
        .max_by_key(|overlay| overlay.target.components().count());
    let Some(overlay) = overlay else {
        return Vec::new();
    };
    let Ok(inside) = target.strip_prefix(&overlay.target) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for layer in &overlay.lower {
        let (directory, ends) = look(layer, inside);
        found.extend(directory);
        if ends {
            break;
        }
    }
    found.reverse();
    found
}

/// The directory at `inside` of a layer, if it has one, and whether it hides all layers below. No
/// link is followed: behind one is nothing to copy.
fn look(layer: &Path, inside: &Path) -> (Option<PathBuf>, bool) {
    let mut path = layer.to_owned();
    let mut is_opaque = false;
    for part in inside.components() {
        path.push(part);
        let Ok(metadata) = path.symlink_metadata() else {
            return (None, is_opaque);
        };
        let is_whiteout = metadata.file_type().is_char_device() && metadata.rdev() == 0;
        if is_whiteout || !metadata.is_dir() {
            return (None, true);
        }
        is_opaque |= has_mark(&path);
    }
    (Some(path), is_opaque)
}

fn has_mark(directory: &Path) -> bool {
    ["trusted.overlay.opaque", "user.overlay.opaque"]
        .iter()
        .any(|name| {
            let mut value = [0; 1];
            rustix::fs::lgetxattr(directory, *name, &mut value).is_ok_and(|_| value == *b"y")
        })
}
