//! What a container has written: its upper layer beside the layers below.

use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::Error;
use crate::merged::find_below;
use crate::walk::{Mark, open, walk};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is another one, or another content.
    Changed,
    /// It is gone.
    Deleted,
}

/// A file that a container changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Relative to the overlay's root.
    pub path: PathBuf,
    /// What became of it.
    pub kind: ChangeKind,
    /// Bytes that it takes in the upper layer, as `du` counts.
    pub cost: u64,
    /// Whether all of it was copied up from a layer below.
    pub copied_up: bool,
}

/// All changes in `upper` over `lower` layers, the topmost first, in the order of names.
///
/// # Errors
/// When a layer cannot be read.
pub fn changes(upper: &Path, lower: &[PathBuf]) -> Result<Vec<Change>, Error> {
    let lower: Vec<_> = lower
        .iter()
        .map(|layer| open(layer))
        .collect::<Result<_, _>>()?;
    let root = open(upper)?;
    let mut found: Vec<Change> = Vec::new();
    // Directories that hide all that is below in them.
    let mut opaque: Vec<PathBuf> = Vec::new();
    walk(&root, upper, &mut |met| {
        let is_hidden = opaque
            .iter()
            .any(|directory| met.path != directory && met.path.starts_with(directory));
        let before = match is_hidden {
            true => None,
            false => find_below(&lower, met.path),
        };
        if met.mark == Mark::Opaque {
            opaque.push(met.path.to_owned());
        }
        let kind = match (met.mark, before) {
            (Mark::Whiteout, None) => return Ok(()),
            (Mark::Whiteout, Some(_)) => ChangeKind::Deleted,
            (_, None) => ChangeKind::Added,
            (_, Some(_)) => ChangeKind::Changed,
        };
        let is_file = met.kind() == FileType::RegularFile;
        found.push(Change {
            path: met.path.to_owned(),
            kind,
            cost: u64::try_from(met.stat.st_blocks).unwrap_or_default() * 512,
            copied_up: is_file && before == Some(FileType::RegularFile),
        });
        Ok(())
    })?;
    Ok(found)
}
