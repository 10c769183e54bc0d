//! Being in charge of a container: its run directory with a held lock. The directory is the first
//! thing made of a container and the last thing removed; while its lock is free, nobody is in
//! charge and anybody may clear up (`recover.rs`).

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use store::Lock;

use crate::{Error, Paths};

/// The file in a run directory that is locked.
pub(super) const LOCK: &str = "lock";

/// A container that this process is in charge of, possibly together with its monitor.
#[derive(Debug)]
pub(crate) struct Charge {
    directory: PathBuf,
    lock: Lock,
}

impl Charge {
    /// Takes charge of the container `id`, making its run directory if needed; `None` when
    /// somebody else is in charge.
    pub(super) fn take(paths: &Paths, id: &str) -> Result<Option<Self>, Error> {
        let directory = paths.run_dir(id);
        loop {
            match DirBuilder::new().mode(0o711).create(&directory) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => made.map_err(|error| Error::io("making", &directory, error))?,
            }
            match lock(&directory)? {
                Attempt::Held => return Ok(None),
                Attempt::Ours(lock) => return Ok(Some(Self { directory, lock })),
                // Somebody was just removing it.
                Attempt::Gone => {}
            }
        }
    }

    /// Takes charge of a container that nobody knows of yet. Whoever clears up may come upon the
    /// empty directory first, and have it for a moment.
    pub(super) fn take_new(paths: &Paths, id: &str) -> Result<Self, Error> {
        loop {
            if let Some(charge) = Self::take(paths, id)? {
                return Ok(charge);
            }
            match Lock::exclusive(&paths.run_dir(id).join(LOCK)) {
                Err(error) if error.errno() != Some(rustix::io::Errno::NOENT) => {
                    return Err(error.into());
                }
                // It is free again, or gone.
                _ => {}
            }
        }
    }

    /// Takes charge of the container in an existing run directory; `None` when somebody else is
    /// in charge, or the directory vanishes.
    pub(crate) fn take_over(directory: PathBuf) -> Result<Option<Self>, Error> {
        if !directory.join(LOCK).exists() {
            // Just made, or just removed; if its maker was killed at this point it is empty.
            let _ = std::fs::remove_dir(&directory);
            return Ok(None);
        }
        match lock(&directory)? {
            Attempt::Ours(lock) => Ok(Some(Self { directory, lock })),
            Attempt::Held | Attempt::Gone => Ok(None),
        }
    }

    /// The charge of the container `id` that this process inherited with its lock.
    pub(super) fn inherited(paths: &Paths, id: &str, lock: OwnedFd) -> Self {
        Self {
            directory: paths.run_dir(id),
            lock: Lock::inherited(lock),
        }
    }

    /// Whether somebody is in charge of the container `id`.
    pub(crate) fn is_held(paths: &Paths, id: &str) -> Result<bool, Error> {
        let directory = paths.run_dir(id);
        Ok(directory.join(LOCK).exists() && matches!(lock(&directory)?, Attempt::Held))
    }

    /// The run directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The lock, for the monitor to inherit.
    pub(super) fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// Removes the run directory and gives the charge back. The lock goes last: whoever finds the
    /// directory without it finds it empty.
    pub(super) fn give_up(self) -> Result<(), Error> {
        let failed = |path: &Path, error| Error::io("removing", path, error);
        let entries = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|error| failed(&self.directory, error))?,
        };
        for entry in entries.flatten().filter(|entry| entry.file_name() != LOCK) {
            store::remove_tree(&entry.path())?;
        }
        store::remove_tree(&self.directory.join(LOCK))?;
        match std::fs::remove_dir(&self.directory) {
            // Somebody who takes charge at this moment made its lock in it.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|error| failed(&self.directory, error)),
        }
    }
}

enum Attempt {
    Ours(Lock),
    Held,
    Gone,
}

/// Locks the lock of a run directory that may be removed at any moment.
fn lock(directory: &Path) -> Result<Attempt, Error> {
    let lock = match Lock::try_exclusive(&directory.join(LOCK)) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Ok(Attempt::Held),
        Err(error) if error.errno() == Some(rustix::io::Errno::NOENT) => return Ok(Attempt::Gone),
        Err(error) => return Err(error.into()),
    };
    let status =
        rustix::fs::fstat(&lock).map_err(|errno| Error::io("looking at", directory, errno))?;
    Ok(match status.st_nlink {
        0 => Attempt::Gone,
        _ => Attempt::Ours(lock),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(root: &Path) -> Paths {
        let paths = Paths {
            data: root.join("data"),
            run: root.join("run"),
            executable: PathBuf::new(),
        };
        std::fs::create_dir_all(paths.run_containers()).unwrap();
        paths
    }

    #[test]
    fn a_new_container_waits_for_whoever_clears_up() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let sweeper = Charge::take(&paths, "a").unwrap().unwrap();
        std::thread::scope(|scope| {
            let charge = scope.spawn(|| Charge::take_new(&paths, "a").unwrap());
            sweeper.give_up().unwrap();
            assert!(charge.join().unwrap().directory().is_dir());
        });
    }

    #[test]
    fn one_process_is_in_charge_at_a_time_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let charge = Charge::take(&paths, "a").unwrap().unwrap();
        assert!(Charge::take(&paths, "a").unwrap().is_none());
        assert!(Charge::take_over(paths.run_dir("a")).unwrap().is_none());
        std::fs::write(charge.directory().join("record.json"), "{}").unwrap();
        charge.give_up().unwrap();
        assert!(!paths.run_dir("a").exists());
        assert!(Charge::take(&paths, "a").unwrap().is_some());
    }

    #[test]
    fn taking_over_makes_no_directory() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        assert!(Charge::take_over(paths.run_dir("a")).unwrap().is_none());
        assert!(!paths.run_dir("a").exists());
    }
}
