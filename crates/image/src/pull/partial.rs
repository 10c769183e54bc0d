//! Blobs that are not complete yet: one file each, flocked by whoever downloads it. What a pull
//! that was cut off left is where the next one goes on.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::content::Images;
use crate::{Digest, Error};

/// The right to make one blob, and the layer that is in it.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    pub(super) file: File,
}

impl Partial {
    /// Waits for the right; `waiting` is called when somebody else has it.
    pub(super) fn lock(
        images: &Images,
        digest: &Digest,
        waiting: impl FnOnce(),
    ) -> Result<Self, Error> {
        let path = images.partials().join(digest.hex());
        let mut waiting = Some(waiting);
        loop {
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
                .map_err(Error::io("opening", &path))?;
            let mut operation = FlockOperation::NonBlockingLockExclusive;
            loop {
                match rustix::fs::flock(&file, operation) {
                    Ok(()) => break,
                    Err(Errno::INTR) => {}
                    Err(Errno::WOULDBLOCK) => {
                        if let Some(waiting) = waiting.take() {
                            waiting();
                        }
                        operation = FlockOperation::LockExclusive;
                    }
                    Err(errno) => return Err(Error::errno("locking", &path)(errno)),
                }
            }
            // Whoever had it moved or removed it: then it is another file's turn.
            let there = file.metadata().map_err(Error::io("looking at", &path))?;
            let is_here = path
                .symlink_metadata()
                .is_ok_and(|named| named.ino() == there.ino() && named.dev() == there.dev());
            if is_here {
                return Ok(Self { path, file });
            }
        }
    }

    /// How much is there.
    pub(super) fn length(&self) -> Result<u64, Error> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(Error::io("looking at", &self.path))?.len())
    }

    /// Throws away what is there.
    pub(super) fn clear(&self) -> Result<(), Error> {
        self.file
            .set_len(0)
            .map_err(Error::io("emptying", &self.path))
    }

    /// The complete and verified blob takes its place in the store.
    pub(super) fn put(self, images: &Images, digest: &Digest) -> Result<(), Error> {
        let place = images.blob(digest);
        rustix::fs::rename(&self.path, &place).map_err(Error::errno("naming", &place))
    }

    /// Nothing is left to go on with.
    pub(super) fn remove(self) -> Result<(), Error> {
        store::remove_tree(&self.path).map_err(Error::from)
    }

    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }
}

/// Removes what nobody is downloading; gives back how many bytes that was.
pub(crate) fn sweep(images: &Images) -> Result<u64, Error> {
    let mut freed = 0;
    for path in list(images)? {
        let Ok(file) = File::options().read(true).write(true).open(&path) else {
            continue;
        };
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            freed += file.metadata().map_or(0, |metadata| metadata.len());
            store::remove_tree(&path)?;
        }
    }
    Ok(freed)
}

/// The files of all blobs that are not complete.
pub(crate) fn list(images: &Images) -> Result<Vec<PathBuf>, Error> {
    let directory = images.partials();
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("reading", &directory))?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths
        .collect::<Result<_, _>>()
        .map_err(Error::io("reading", &directory))
}
