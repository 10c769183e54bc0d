//! When a base layer is out of date: its name is a digest of the state of everything it was made
//! of, so that another state has another layer.
//!
//! The boot is part of it: the layer is not synced to the disk, which could take seconds after a
//! large build, so one from before a crash of the machine is never used again.

use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::etc;
use crate::{Digest, Error};

/// Raised whenever base layers are made in another way.
const FORMAT: u32 = 1;

/// Directories of programs beside `/usr`: on most hosts links into it, on others directories of
/// their own.
pub(super) const PROGRAM_DIRECTORIES: [&str; 6] =
    ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The host as it is now.
pub(super) struct State {
    /// The name of its base layer.
    pub(super) key: String,
    /// Directories of programs that are no links: each needs an overlay of its own.
    pub(super) separate: Vec<&'static str>,
}

impl State {
    /// Looks at everything once: this is on the way of every run.
    pub(super) fn look() -> Result<Self, Error> {
        let boot = sys::proc::boot_id().map_err(Error::errno("reading", Path::new(BOOT_ID)))?;
        let mut state = format!("{FORMAT} {boot}");
        let mut separate = Vec::new();
        let root = Directory::open("/")?;
        for name in PROGRAM_DIRECTORIES {
            match root.look(name)? {
                // What is in it is used, not copied.
                Some(stat) if is_directory(&stat) => {
                    separate.push(name);
                    state.push_str("|separate");
                }
                found => add(&mut state, found.as_ref()),
            }
        }
        let etc = Directory::open("/etc")?;
        for name in etc::inputs() {
            add(&mut state, etc.look(name)?.as_ref());
        }
        Ok(Self {
            key: Digest::of(state.as_bytes()).short().to_owned(),
            separate,
        })
    }
}

/// An open directory of the host: names in it are found faster than from the root.
struct Directory {
    path: &'static Path,
    fd: OwnedFd,
}

impl Directory {
    fn open(path: &'static str) -> Result<Self, Error> {
        let path = Path::new(path);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty());
        fd.map(|fd| Self { path, fd })
            .map_err(Error::errno("opening", path))
    }

    /// What a name in it is, without following a link.
    fn look(&self, name: &str) -> Result<Option<Stat>, Error> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::errno("looking at", &self.path.join(name))(errno)),
        }
    }
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Adds the identity and the time of the last change of what was found.
fn add(state: &mut String, found: Option<&Stat>) {
    // Writing into a string cannot fail.
    let _ = match found {
        None => write!(state, "|"),
        Some(stat) => write!(
            state,
            "|{} {} {}",
            stat.st_ino, stat.st_ctime, stat.st_ctime_nsec
        ),
    };
}
