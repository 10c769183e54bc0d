//! Layers stacked as overlayfs stacks them, by looking: which layer each file is from, and what
//! each layer adds, changes and hides.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use crate::Error;
use crate::pack::{Packer, Packing};
use crate::walk::{self, Mark, Met, walk};

/// A file as it is seen on top of all layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The layer it is from, the lowest one is 0.
    pub(crate) layer: usize,
    pub(crate) is_directory: bool,
    /// Bytes of its content.
    pub(crate) size: u64,
}

/// What a layer does to those below.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    /// Files and directories that were not there.
    pub added: u64,
    /// Those that were, and are others now.
    pub changed: u64,
    /// Those that are gone, with everything in them.
    pub deleted: u64,
    /// Bytes of content.
    pub size: u64,
    /// Bytes of content of this layer that layers above hide.
    pub hidden: u64,
}

/// A layer that is looked at.
#[derive(Debug)]
struct Root {
    /// As in messages.
    shown: PathBuf,
    directory: OwnedFd,
    /// Where it is seen, relative to the whole.
    place: PathBuf,
}

/// Layers that are seen at a place below the root (the root itself is the empty path), the lowest
/// first.
pub type Placed = (PathBuf, Vec<PathBuf>);

/// Layers on top of each other.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    roots: Vec<Root>,
    pub(crate) files: BTreeMap<PathBuf, Seen>,
    /// What each layer does, the lowest first.
    pub(crate) effects: Vec<Effect>,
}

impl Merged {
    /// Looks at layers, the lowest first.
    pub(crate) fn of(layers: &[PathBuf]) -> Result<Self, Error> {
        Self::of_placed(&[(PathBuf::new(), layers.to_vec())])
    }

    /// Looks at layers in several places.
    pub(crate) fn of_placed(stacks: &[Placed]) -> Result<Self, Error> {
        let mut merged = Self::default();
        for (place, layers) in stacks {
            for layer in layers {
                merged.add(layer, place)?;
            }
        }
        Ok(merged)
    }

    fn add(&mut self, layer: &Path, place: &Path) -> Result<(), Error> {
        let root = walk::open(layer)?;
        let number = self.roots.len();
        self.effects.push(Effect::default());
        let (files, effects) = (&mut self.files, &mut self.effects);
        walk(&root, layer, &mut |met| {
            take(files, effects, met, &place.join(met.path), number);
            Ok(())
        })?;
        self.roots.push(Root {
            shown: layer.to_owned(),
            directory: root,
            place: place.to_owned(),
        });
        Ok(())
    }

    /// Packs what is seen as one tree.
    pub(crate) fn pack(&self, packing: Packing, out: &mut dyn std::io::Write) -> Result<(), Error> {
        let mut packer = Packer::new(out, packing);
        for (path, seen) in &self.files {
            let Some(root) = self.roots.get(seen.layer) else {
                continue;
            };
            let Ok(within) = path.strip_prefix(&root.place) else {
                continue;
            };
            let whole = root.shown.join(within);
            let parent = within.parent().unwrap_or(Path::new(""));
            let Some(name) = within.file_name() else {
                continue;
            };
            let inside = Path::new("/").join(parent);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            // Whoever changes the tree meanwhile leads nowhere but into it.
            let Ok(directory) = sys::path::open_in_root(root.directory.as_fd(), &inside, flags)
            else {
                continue;
            };
            let Ok(stat) = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let met = Met {
                path,
                directory: directory.as_fd(),
                name: &name.to_owned(),
                stat,
                mark: Mark::None,
            };
            packer.add(&met, seen.layer, &whole)?;
        }
        packer.finish()
    }
}

/// Takes in a file of a layer.
fn take(
    files: &mut BTreeMap<PathBuf, Seen>,
    effects: &mut [Effect],
    met: &Met<'_>,
    path: &Path,
    layer: usize,
) {
    if met.mark == Mark::Whiteout {
        let gone = hide(files, effects, path, layer, true);
        if let Some(effect) = effects.get_mut(layer) {
            effect.deleted += gone;
        }
        return;
    }
    let before = files.get(path).copied();
    let is_directory = met.is_directory();
    let replaces = before.is_some_and(|seen| !(seen.is_directory && is_directory));
    let mut deleted = 0;
    if replaces {
        // All but the name itself is gone; that is changed.
        deleted = hide(files, effects, path, layer, true).saturating_sub(1);
    } else if met.mark == Mark::Opaque {
        deleted = hide(files, effects, path, layer, false);
    }
    let seen = Seen {
        layer,
        is_directory,
        size: met.size(),
    };
    files.insert(path.to_owned(), seen);
    if let Some(effect) = effects.get_mut(layer) {
        effect.deleted += deleted;
        effect.size += seen.size;
        match before {
            Some(_) => effect.changed += 1,
            None => effect.added += 1,
        }
    }
}

/// Removes what lower layers have at a path, or only what they have below it; gives back how many
/// files that was.
fn hide(
    files: &mut BTreeMap<PathBuf, Seen>,
    effects: &mut [Effect],
    path: &Path,
    layer: usize,
    itself: bool,
) -> u64 {
    let below = files
        .range(path.to_owned()..)
        .take_while(|(other, _)| other.starts_with(path))
        .filter(|(other, seen)| seen.layer < layer && (itself || other.as_path() != path));
    let gone: Vec<PathBuf> = below.map(|(other, _)| other.clone()).collect();
    for path in &gone {
        if let Some(seen) = files.remove(path)
            && let Some(effect) = effects.get_mut(seen.layer)
        {
            effect.hidden += seen.size;
        }
    }
    gone.len() as u64
}

/// What there is at a path in layers (the topmost first), without looking at anything else.
pub(crate) fn find_below(layers: &[OwnedFd], path: &Path) -> Option<FileType> {
    let mut active: Vec<&OwnedFd> = layers.iter().collect();
    let names = path.components().count();
    let mut prefix = PathBuf::new();
    for (position, component) in path.components().enumerate() {
        prefix.push(component);
        let mut next = Vec::new();
        for layer in active {
            let Ok(stat) = rustix::fs::statat(layer, &prefix, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let kind = FileType::from_raw_mode(stat.st_mode);
            let is_whiteout = kind == FileType::CharacterDevice && stat.st_rdev == 0;
            if is_whiteout || (kind != FileType::Directory && position + 1 < names) {
                break;
            }
            if position + 1 == names {
                return Some(kind);
            }
            next.push(layer);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let opened = rustix::fs::openat(layer, &prefix, flags, Mode::empty());
            if opened.is_ok_and(|directory| walk::is_opaque(directory.as_fd())) {
                break;
            }
        }
        active = next;
    }
    None
}
