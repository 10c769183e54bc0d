//! When a base layer is out of date: its name is a digest of the state of everything it was made
//! of, so that another state has another layer.
//!
//! The boot is part of it: the layer is not synced to the disk, which could take seconds after a
//! large build, so one from before a crash of the machine is never used again.

use std::fmt::Write;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType};
use rustix::io::Errno;

use super::etc;
use crate::{Digest, Error};

/// Raised whenever base layers are made in another way.
const FORMAT: u32 = 1;

/// Directories of programs beside `/usr`: on most hosts links into it, on others directories of
/// their own.
pub(super) const PROGRAM_DIRECTORIES: [&str; 6] =
    ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// The name of the base layer for the host as it is now.
pub(super) fn key() -> Result<String, Error> {
    let boot = sys::proc::boot_id().map_err(Error::errno("reading", Path::new(BOOT_ID)))?;
    let mut state = format!("{FORMAT} {boot}");
    for name in PROGRAM_DIRECTORIES {
        add(&mut state, &Path::new("/").join(name))?;
    }
    for name in etc::inputs() {
        add(&mut state, &Path::new("/etc").join(name))?;
    }
    Ok(Digest::of(state.as_bytes()).short().to_owned())
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Adds the identity and the time of the last change of what is at a path. Directories beside
/// `/etc` only count as being there: what is in them is used, not copied.
fn add(state: &mut String, path: &Path) -> Result<(), Error> {
    let found = match rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => None,
        found => Some(found.map_err(Error::errno("looking at", path))?),
    };
    let is_copied = path.starts_with("/etc");
    // Writing into a string cannot fail.
    let _ = match found {
        None => write!(state, "|"),
        Some(stat) if is_copied => {
            write!(
                state,
                "|{} {} {}",
                stat.st_ino, stat.st_ctime, stat.st_ctime_nsec
            )
        }
        Some(stat) => write!(state, "|{:?}", FileType::from_raw_mode(stat.st_mode)),
    };
    Ok(())
}

/// Directories of programs that are no links: each needs an overlay of its own.
pub(super) fn separate_directories() -> impl Iterator<Item = &'static str> {
    PROGRAM_DIRECTORIES.into_iter().filter(|name| {
        rustix::fs::statat(CWD, Path::new("/").join(name), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    })
}
