//! Locks between processes: `flock` on a file. A lock belongs to the open file, so that it goes
//! over to a process that inherits the fd, and is free once the last one is closed, whatever
//! killed its holder.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use crate::Error;

/// A held lock; dropping it frees it unless another process inherited the fd.
#[derive(Debug)]
pub struct Lock(OwnedFd);

impl Lock {
    /// Takes the lock on `path`, making the file if needed, or gives `None` when it is held.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn try_exclusive(path: &Path) -> Result<Option<Self>, Error> {
        let file = open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(Error::io("locking", path, errno)),
        }
    }

    /// Takes the lock on `path`, waiting for it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn exclusive(path: &Path) -> Result<Self, Error> {
        let file = open(path)?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Self(file)),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::io("locking", path, errno)),
            }
        }
    }

    /// The lock that this process inherited with `fd`.
    pub fn inherited(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn open(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::openat(CWD, path, flags, Mode::from_raw_mode(0o600))
        .map_err(|errno| Error::io("opening the lock", path, errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = Lock::try_exclusive(&path).unwrap();
        assert!(held.is_some());
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_exclusive(&path).unwrap().is_some());
    }
}
