//! Writing a file so that a reader, or a crash at any moment, finds the old content or the new
//! content and nothing between.

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, Id};

/// What a file must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The end of any process; gone with the boot anyway.
    Boot,
    /// A crash of the machine: the file and its directory are synced to the disk.
    Durable,
}

/// Replaces the content of `path`: temporary file in the same directory, write, \[fsync\], rename,
/// \[fsync of the directory\]. The file gets mode 0600.
///
/// # Errors
/// When the disk is full or the directory not writable; the old content stays then.
pub fn atomic_write(path: &Path, bytes: &[u8], durability: Durability) -> Result<(), Error> {
    Draft::write(path, bytes, durability)?.publish()
}

/// A file that is written and has not got its name yet; dropped without it, it goes.
#[derive(Debug)]
#[must_use = "it is nobody's file until it is published"]
pub struct Draft {
    temporary: PathBuf,
    path: PathBuf,
    durability: Durability,
    is_published: bool,
}

impl Draft {
    /// Writes what `path` shall be, as a temporary file in the same directory.
    ///
    /// # Errors
    /// When the disk is full or the directory not writable.
    pub fn write(path: &Path, bytes: &[u8], durability: Durability) -> Result<Self, Error> {
        let draft = Self {
            temporary: temporary_beside(path),
            path: path.to_owned(),
            durability,
            is_published: false,
        };
        match write_new(&draft.temporary, bytes, durability) {
            Ok(()) => Ok(draft),
            Err(errno) => Err(Error::io("writing", path, errno)),
        }
    }

    /// Gives it its name, in the place of whatever had it.
    ///
    /// # Errors
    /// When the disk fails; the old content stays unless only the sync failed.
    pub fn publish(mut self) -> Result<(), Error> {
        rustix::fs::rename(&self.temporary, &self.path)
            .map_err(|errno| Error::io("writing", &self.path, errno))?;
        self.is_published = true;
        match (self.durability, self.path.parent()) {
            (Durability::Durable, Some(directory)) => sync_directory(directory),
            _ => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_published {
            // It may not even exist; the next sweep finds it by its name if it stays.
            let _ = rustix::fs::unlink(&self.temporary);
        }
    }
}

/// Makes what happened to the names in a directory durable.
///
/// # Errors
/// When the disk fails.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, directory, flags, Mode::empty())
        .and_then(rustix::fs::fsync)
        .map_err(|errno| Error::io("syncing", directory, errno))
}

fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".new-{name}-{}", Id::random().short()))
}

fn write_new(path: &Path, bytes: &[u8], durability: Durability) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, path, flags, Mode::from_raw_mode(0o600))?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(&file, rest) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    if durability == Durability::Durable {
        rustix::fs::fsync(&file)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_no_temporary() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record");
        atomic_write(&path, b"first, the longer one", Durability::Durable).unwrap();
        atomic_write(&path, b"second", Durability::Boot).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_directory_is_an_error_that_names_the_file() {
        let error = atomic_write(Path::new("/nonexistent/x"), b"", Durability::Boot).unwrap_err();
        assert_eq!(error.to_string(), "writing /nonexistent/x");
        assert_eq!(error.errno(), Some(Errno::NOENT));
    }
}
