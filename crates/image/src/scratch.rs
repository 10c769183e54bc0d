//! Directories for things being made, below the image store. Their maker holds a lock on them for
//! as long as it lives; one whose lock is free was left by a crash.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::Error;

const PREFIX: &str = ".new-";

/// A directory that is removed when this is dropped, with what is still in it.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    _lock: OwnedFd,
}

impl Scratch {
    /// A new one below `parent`.
    pub(crate) fn new(parent: &Path) -> Result<Self, Error> {
        loop {
            let name = format!("{PREFIX}{}", store::Id::random().short());
            let path = parent.join(name);
            rustix::fs::mkdir(&path, Mode::RWXU).map_err(Error::errno("making", &path))?;
            // A sweep may come between the two: then it took it away, and the next one is ours.
            if let Some(lock) = lock(&path)? {
                return Ok(Self { path, _lock: lock });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is found by the next sweep.
        let _ = store::remove_tree(&self.path);
    }
}

/// Removes what crashes left below `parent`. The caller holds the store's exclusive lock, so that
/// nobody is writing a document beside.
pub(crate) fn sweep(parent: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(parent).map_err(Error::io("reading", parent))? {
        let entry = entry.map_err(Error::io("reading", parent))?;
        if !entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            continue;
        }
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // Held until the removal is done.
        let lock = is_directory.then(|| lock(&entry.path())).transpose()?;
        if !matches!(lock, Some(None)) {
            store::remove_tree(&entry.path())?;
        }
    }
    Ok(())
}

/// The directories below `parent` whose makers are alive.
pub(crate) fn held(parent: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent).map_err(Error::io("reading", parent))? {
        let entry = entry.map_err(Error::io("reading", parent))?;
        let name = entry.file_name();
        let is_ours = name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_ours && is_directory && lock(&entry.path())?.is_none() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Locks a directory; `None` when somebody else has it, or it is gone.
fn lock(path: &Path) -> Result<Option<OwnedFd>, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        directory => directory.map_err(Error::errno("opening", path))?,
    };
    match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Ok(None),
        locked => locked.map_err(Error::errno("locking", path))?,
    }
    let there = rustix::fs::fstat(&directory).map_err(Error::errno("looking at", path))?;
    Ok((there.st_nlink > 0).then_some(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_what_nobody_holds() {
        let directory = tempfile::tempdir().unwrap();
        let held = Scratch::new(directory.path()).unwrap();
        std::fs::create_dir_all(directory.path().join(".new-left/below")).unwrap();
        std::fs::write(directory.path().join(".new-index.json-1"), b"half").unwrap();
        sweep(directory.path()).unwrap();
        let names = std::fs::read_dir(directory.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(names, [held.path().to_owned()]);
        drop(held);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
