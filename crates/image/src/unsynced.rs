//! What is in the store and not yet on the disk for certain.
//!
//! A pull does not wait for the disk: the kernel has what it wrote, so that `kill -9` loses
//! nothing. A crash of the machine may: files of a layer may be there and empty. Therefore a pull
//! first writes a record of everything that it is about to bring, durably, with the id of the
//! boot. [`Images::settle`], which nobody waits for, syncs the file system and removes the records
//! of pulls that are over. A record of another boot is one that a crash was faster than: what it
//! names is not trusted, but read again or removed, before anybody uses it.
//!
//! ```text
//! images/unsynced/<random>    the boot id, then a line of hexadecimal digits for each blob and
//!                             layer; flocked as long as its pull is at work
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use store::{Durability, Id};

use crate::content::{Exclusive, Images, Shared};
use crate::{Digest, Error};

/// The record of a pull that is at work.
#[derive(Debug)]
pub(crate) struct Unsynced {
    _lock: File,
}

/// A record as it is found.
struct Found {
    path: PathBuf,
    boot: String,
    digests: Vec<Digest>,
}

impl Unsynced {
    /// Writes down what will be brought. Nobody settles before the shared lock is given up, and
    /// then the record is locked.
    pub(crate) fn record(shared: &Shared<'_>, digests: &[Digest]) -> Result<Self, Error> {
        let directory = shared.images.unsynced();
        let path = directory.join(Id::random().short());
        let mut text = boot_id()?;
        for digest in digests {
            text.push('\n');
            text.push_str(digest.hex());
        }
        store::atomic_write(&path, text.as_bytes(), Durability::Durable)?;
        let lock = File::open(&path).map_err(Error::io("opening", &path))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(Error::errno("locking", &path))?;
        Ok(Self { _lock: lock })
    }
}

impl Images {
    pub(crate) fn unsynced(&self) -> PathBuf {
        self.root().join("unsynced")
    }

    /// Waits until everything that pulls of this boot brought is on the disk, and forgets that it
    /// was not. Where no store is any more, none is made.
    ///
    /// # Errors
    /// When the disk fails; the records stay then.
    pub fn settle(&self) -> Result<(), Error> {
        let boot = boot_id()?;
        let Some(store) = self.exclude_existing()? else {
            return Ok(());
        };
        let mut over = Vec::new();
        for found in self.records()? {
            let file = File::open(&found.path).map_err(Error::io("opening", &found.path))?;
            let lock = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
            if found.boot == boot && lock.is_ok() {
                over.push((found.path, file));
            }
        }
        if over.is_empty() {
            return Ok(());
        }
        // Their locks are held, so that nobody else has to sync for the same records.
        drop(store);
        self.sync()?;
        over.iter()
            .try_for_each(|(path, _)| store::remove_tree(path).map_err(Error::from))
    }

    /// After a crash of the machine: removes what it may have damaged and what cannot be used
    /// without it. Layers are unpacked again when somebody wants them.
    ///
    /// # Errors
    /// When the store cannot be read or changed.
    pub fn recover(&self) -> Result<(), Error> {
        let boot = boot_id()?;
        let is_old = |found: &Found| found.boot != boot;
        if !self.records()?.iter().any(is_old) {
            return Ok(());
        }
        let store = self.exclude()?;
        let mut records = self.records()?;
        records.retain(is_old);
        for digest in records.iter().flat_map(|record| &record.digests) {
            store.distrust(digest)?;
        }
        store.drop_unusable()?;
        // What was removed must not be back when nobody distrusts it any more.
        self.sync()?;
        records
            .iter()
            .try_for_each(|record| store::remove_tree(&record.path).map_err(Error::from))
    }

    fn records(&self) -> Result<Vec<Found>, Error> {
        let directory = self.unsynced();
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("reading", &directory))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io("reading", &directory))?.path();
            found.extend(read(&path)?);
        }
        Ok(found)
    }

    /// Waits until everything in the store is on the disk.
    fn sync(&self) -> Result<(), Error> {
        let root = File::open(self.root()).map_err(Error::io("opening", self.root()))?;
        rustix::fs::syncfs(&root).map_err(Error::errno("syncing", self.root()))
    }
}

impl Exclusive<'_> {
    /// Removes a layer that may be damaged, and a blob that is.
    fn distrust(&self, digest: &Digest) -> Result<(), Error> {
        let layer = self.images.layer(digest);
        if layer.exists() {
            self.discard(&layer)?;
        }
        if self.images.problem(digest).is_some() {
            store::remove_tree(&self.images.blob(digest))?;
        }
        Ok(())
    }

    /// Drops images from the index that miss a document, or a layer in both forms: as if they had
    /// never been pulled.
    fn drop_unusable(&self) -> Result<(), Error> {
        let mut index = self.images.read_index()?;
        let before = index.manifests.len();
        index
            .manifests
            .retain(|entry| self.is_usable(&entry.digest).unwrap_or_default());
        match index.manifests.len() == before {
            true => Ok(()),
            false => self.write_index(&index),
        }
    }

    fn is_usable(&self, manifest: &str) -> Result<bool, Error> {
        let manifest = self.images.read_manifest(&manifest.parse()?)?;
        let config = self.images.read_config(&manifest.config.digest.parse()?)?;
        for (layer, diff_id) in manifest.layers.iter().zip(&config.rootfs.diff_ids) {
            let blob = self.images.blob(&layer.digest.parse()?);
            if !blob.exists() && !self.images.layer(&diff_id.parse()?).exists() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A record; nothing when it was just removed. What is no digest names nothing.
fn read(path: &Path) -> Result<Option<Found>, Error> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Error::io("reading", path))?,
    };
    let mut lines = text.lines();
    Ok(Some(Found {
        path: path.to_owned(),
        boot: lines.next().unwrap_or_default().to_owned(),
        digests: lines.filter_map(Digest::from_hex).collect(),
    }))
}

fn boot_id() -> Result<String, Error> {
    sys::proc::boot_id().map_err(Error::errno("reading", Path::new("the boot id")))
}
