//! The image store on disk: an OCI layout with its blobs, beside it the unpacked layers; who may
//! use and who may change it.
//!
//! Source: OCI image specification, image-layout.md.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use store::Durability;

use crate::{Digest, Error, scratch};

const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The image store below a directory. Making this value touches nothing.
#[derive(Debug, Clone)]
pub struct Images {
    root: PathBuf,
}

/// The right to use images: none is removed while somebody has it. Whoever makes a container holds
/// it from asking for the layers until its record names them.
#[derive(Debug)]
pub struct Shared<'a> {
    pub(crate) images: &'a Images,
    _lock: OwnedFd,
}

/// The right to change what is there, alone.
#[derive(Debug)]
pub struct Exclusive<'a> {
    pub(crate) images: &'a Images,
    _lock: OwnedFd,
}

impl Images {
    /// The store in `root`, `<data root>/images`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Waits for the right to use images.
    ///
    /// # Errors
    /// When the store cannot be made or locked.
    pub fn share(&self) -> Result<Shared<'_>, Error> {
        let lock = self.lock(FlockOperation::LockShared)?;
        Ok(Shared {
            images: self,
            _lock: lock,
        })
    }

    /// Waits for the right to change what is there.
    ///
    /// # Errors
    /// When the store cannot be made or locked.
    pub fn exclude(&self) -> Result<Exclusive<'_>, Error> {
        let lock = self.lock(FlockOperation::LockExclusive)?;
        Ok(Exclusive {
            images: self,
            _lock: lock,
        })
    }

    /// As [`Images::exclude`], but makes no store; `None` when there is none.
    pub(crate) fn exclude_existing(&self) -> Result<Option<Exclusive<'_>>, Error> {
        let path = self.root.join("lock");
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(CWD, &path, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            file => file.map_err(Error::errno("opening the lock", &path))?,
        };
        Ok(Some(Exclusive {
            images: self,
            _lock: locked(file, &path, FlockOperation::LockExclusive)?,
        }))
    }

    fn lock(&self, operation: FlockOperation) -> Result<OwnedFd, Error> {
        let path = self.root.join("lock");
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |more| rustix::fs::openat(CWD, &path, flags | more, Mode::from_raw_mode(0o600));
        let file = match open(OFlags::empty()) {
            // The lock is the last thing to be made of a store.
            Err(Errno::NOENT) => {
                self.create()?;
                open(OFlags::CREATE)
            }
            file => file,
        };
        let file = file.map_err(Error::errno("opening the lock", &path))?;
        locked(file, &path, operation)
    }

    /// Makes the directories of an empty store; what is there stays.
    pub(crate) fn create(&self) -> Result<(), Error> {
        let directories = [
            self.blobs(),
            self.layers(),
            self.partials(),
            self.unsynced(),
            self.host_bases(),
        ];
        let marker = self.root.join("oci-layout");
        loop {
            for directory in &directories {
                make_directories(directory)?;
            }
            if marker.exists() {
                return Ok(());
            }
            match store::atomic_write(&marker, LAYOUT, Durability::Durable) {
                // Nobody waits for whoever sweeps what is unfinished, which this was.
                Err(error) if error.errno() == Some(Errno::NOENT) => {}
                written => return Ok(written?),
            }
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index.json")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    /// The directory of an unpacked layer.
    pub(crate) fn layer(&self, diff_id: &Digest) -> PathBuf {
        self.layers().join(diff_id.hex())
    }

    /// Blobs that are not complete yet.
    pub(crate) fn partials(&self) -> PathBuf {
        self.root.join("partial")
    }

    pub(crate) fn host_bases(&self) -> PathBuf {
        self.root.join("host")
    }

    /// A small blob, checked against its digest.
    pub(crate) fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        let path = self.blob(digest);
        let bytes = std::fs::read(&path).map_err(Error::io("reading", &path))?;
        let found = Digest::of(&bytes);
        match found == *digest {
            true => Ok(bytes),
            false => Err(Error::WrongDigest {
                what: path.display().to_string(),
                found,
                expected: digest.clone(),
            }),
        }
    }
}

impl Exclusive<'_> {
    /// Puts a small blob into the store, durably.
    pub(crate) fn put_blob(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        let path = self.images.blob(&digest);
        if !path.exists() {
            store::atomic_write(&path, bytes, Durability::Durable)?;
        }
        Ok(digest)
    }

    /// Removes what crashes left half made.
    pub(crate) fn sweep_unfinished(&self) -> Result<(), Error> {
        scratch::sweep(&self.images.root)
    }
}

/// Waits for a lock.
fn locked(file: OwnedFd, path: &Path, operation: FlockOperation) -> Result<OwnedFd, Error> {
    loop {
        match rustix::fs::flock(&file, operation) {
            Err(Errno::INTR) => {}
            locked => {
                return locked.map(|()| file).map_err(Error::errno("locking", path));
            }
        }
    }
}

/// Makes a directory and those above it, for the owner alone.
fn make_directories(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::io("making", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_store_is_an_oci_layout() {
        let directory = tempfile::tempdir().unwrap();
        let images = Images::new(&directory.path().join("images"));
        drop(images.share().unwrap());
        let layout = std::fs::read(images.root().join("oci-layout")).unwrap();
        assert_eq!(layout, LAYOUT);
        assert!(images.blobs().is_dir());
    }

    #[test]
    fn many_may_use_it_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let images = Images::new(directory.path());
        let first = images.share().unwrap();
        let second = images.share().unwrap();
        let lock = store::Lock::try_exclusive(&directory.path().join("lock")).unwrap();
        assert!(lock.is_none());
        drop((first, second));
        assert!(
            store::Lock::try_exclusive(&directory.path().join("lock"))
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn a_damaged_blob_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let images = Images::new(directory.path());
        let digest = images.exclude().unwrap().put_blob(b"content").unwrap();
        assert_eq!(images.read_blob(&digest).unwrap(), b"content");
        std::fs::write(images.blob(&digest), b"other").unwrap();
        assert!(matches!(
            images.read_blob(&digest),
            Err(Error::WrongDigest { .. })
        ));
    }
}
