//! Looking into the layers of an image: which layer a file is from, what it hides, what is large,
//! what is wasted.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use crate::Error;
use crate::merged::{Effect, Merged};
use crate::walk;

/// What one layer has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    /// The layer, the lowest is 0.
    pub layer: usize,
    /// What is there.
    pub what: What,
    /// Bytes of content.
    pub size: u64,
    /// Whether it is what a container sees.
    pub is_seen: bool,
}

/// What a layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A file of any kind but a directory.
    File,
    /// A directory, which lower ones show through.
    Directory,
    /// A directory, which hides lower ones.
    OpaqueDirectory,
    /// A mark that it is gone.
    Deleted,
}

/// A file or directory with its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Large {
    /// Its absolute path.
    pub path: PathBuf,
    /// Bytes of content, with everything in it.
    pub size: u64,
    /// The layer that it is from; of a directory, the one with most of it.
    pub layer: usize,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// What takes room in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The largest files, the largest first.
    pub files: Vec<Large>,
    /// The largest directories, the largest first.
    pub directories: Vec<Large>,
    /// Bytes that a container sees.
    pub seen: u64,
    /// Bytes in lower layers that upper ones hide.
    pub wasted: u64,
}

/// What each layer does (the lowest first).
///
/// # Errors
/// When a layer cannot be read.
pub fn effects(layers: &[PathBuf]) -> Result<Vec<Effect>, Error> {
    Ok(Merged::of(layers)?.effects)
}

/// What the layers (the lowest first) have at a path, the topmost first.
///
/// # Errors
/// When a layer cannot be read.
pub fn appearances(layers: &[PathBuf], path: &Path) -> Result<Vec<Appearance>, Error> {
    let inside = path.strip_prefix("/").unwrap_or(path);
    let mut found = Vec::new();
    let mut is_hidden = false;
    for (number, layer) in layers.iter().enumerate().rev() {
        let root = walk::open(layer)?;
        if let Some((what, size)) = look(&root, inside) {
            let is_seen = !is_hidden && what != What::Deleted;
            found.push(Appearance {
                layer: number,
                what,
                size,
                is_seen,
            });
            is_hidden = is_hidden || what != What::Directory;
        }
        is_hidden = is_hidden || cuts_off(&root, inside);
    }
    Ok(found)
}

/// What a layer itself has at a path.
fn look(root: &OwnedFd, path: &Path) -> Option<(What, u64)> {
    if path.as_os_str().is_empty() {
        return Some((What::Directory, 0));
    }
    let parent = Path::new("/").join(path.parent()?);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let directory = sys::path::open_in_root(root.as_fd(), &parent, flags).ok()?;
    let name = path.file_name()?;
    let stat = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    Some(match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice if stat.st_rdev == 0 => (What::Deleted, 0),
        FileType::Directory => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let opened = rustix::fs::openat(&directory, name, flags, Mode::empty());
            match opened.is_ok_and(|fd| walk::is_opaque(fd.as_fd())) {
                true => (What::OpaqueDirectory, 0),
                false => (What::Directory, 0),
            }
        }
        FileType::RegularFile => (What::File, size),
        _ => (What::File, 0),
    })
}

/// Whether a layer hides what lower ones have at a path by what it has above it.
fn cuts_off(root: &OwnedFd, path: &Path) -> bool {
    let above = path.ancestors().skip(1);
    above
        .filter(|ancestor| !ancestor.as_os_str().is_empty())
        .any(|ancestor| {
            let what = look(root, ancestor).map(|(what, _)| what);
            what.is_some_and(|what| what != What::Directory)
        })
}

/// The largest files and directories of layers (the lowest first), at most `count` of each.
///
/// # Errors
/// When a layer cannot be read.
pub fn usage(layers: &[PathBuf], count: usize) -> Result<Usage, Error> {
    use std::collections::BTreeMap;
    let merged = Merged::of(layers)?;
    let mut usage = Usage {
        wasted: merged.effects.iter().map(|effect| effect.hidden).sum(),
        ..Default::default()
    };
    // For each directory the bytes from each layer.
    let mut directories: BTreeMap<&Path, BTreeMap<usize, u64>> = BTreeMap::new();
    let mut files = Vec::new();
    for (path, seen) in &merged.files {
        if seen.is_directory {
            continue;
        }
        usage.seen += seen.size;
        files.push(Large {
            path: Path::new("/").join(path),
            size: seen.size,
            layer: seen.layer,
            is_directory: false,
        });
        for above in path.ancestors().skip(1) {
            if !above.as_os_str().is_empty() {
                *directories
                    .entry(above)
                    .or_default()
                    .entry(seen.layer)
                    .or_default() += seen.size;
            }
        }
    }
    let directory = |(path, by_layer): (&&Path, &BTreeMap<usize, u64>)| Large {
        path: Path::new("/").join(path),
        size: by_layer.values().sum(),
        layer: by_layer
            .iter()
            .max_by_key(|(_, bytes)| **bytes)
            .map(|(layer, _)| *layer)
            .unwrap_or_default(),
        is_directory: true,
    };
    usage.directories = largest(directories.iter().map(directory).collect(), count);
    usage.files = largest(files, count);
    Ok(usage)
}

fn largest(mut all: Vec<Large>, count: usize) -> Vec<Large> {
    all.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    all.truncate(count);
    all
}
