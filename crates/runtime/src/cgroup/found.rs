//! Finding cgroups by the beginning of their names, for whoever looks for forgotten ones.

use std::path::{Path, PathBuf};

use super::{Error, hierarchy};

/// systemd nests slices and services so deep at most (`user.slice/user-N.slice/user@N.service/…`).
const DEEPEST: usize = 5;

/// The directories of all cgroups whose names begin with `prefix`: at the top of a hierarchy, and
/// in systemd's slices and services.
///
/// # Errors
/// When it cannot be told where hierarchies are.
pub fn find_named(prefix: &str) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for hierarchy in hierarchy::mounted()? {
        look(&hierarchy.mount, prefix, DEEPEST, &mut found);
    }
    found.sort();
    // A hierarchy may be mounted at several places with one path.
    found.dedup();
    Ok(found)
}

fn look(directory: &Path, prefix: &str, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(prefix) {
            found.push(entry.path());
        } else if depth > 1 && (name.ends_with(".slice") || name.ends_with(".service")) {
            look(&entry.path(), prefix, depth - 1, found);
        }
    }
}

/// Whether nobody is in the cgroup with this directory, nor in one below. One that is gone is empty.
pub fn is_empty(directory: &Path) -> bool {
    let procs = std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let below = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    procs.is_empty() && below.all(|entry| is_empty(&entry.path()))
}
