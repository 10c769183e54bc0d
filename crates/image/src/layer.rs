//! Layers on their way into the store: the archive as a blob, and its unpacked form, both made
//! beside the store and moved in when they are complete.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::content::{Exclusive, Images};
use crate::decompress::decompressor;
use crate::digest::Hashing;
use crate::list::Image;
use crate::scratch::Scratch;
use crate::unpack::{self, Limits, Rights};
use crate::{Digest, Error};

/// A complete layer that is not in the store yet.
#[derive(Debug)]
pub(crate) struct Layer {
    scratch: Scratch,
    /// Of the archive, which is not compressed: the two are one.
    pub(crate) diff_id: Digest,
    /// Of the archive.
    pub(crate) size: u64,
}

impl Layer {
    /// Makes a layer of the archive that `write` writes, and unpacks it.
    pub(crate) fn make(
        images: &Images,
        rights: Rights,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let scratch = Scratch::new(images.root())?;
        let path = blob(&scratch);
        let mut options = File::options();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(Error::io("making", &path))?;
        let mut out = Hashing::new(BufWriter::with_capacity(1 << 17, file));
        write(&mut out)?;
        let (out, diff_id, size) = out.finish();
        let file = out.into_inner().map_err(io::IntoInnerError::into_error);
        let synced = file.and_then(|file| file.sync_data());
        synced.map_err(Error::io("writing", &path))?;
        let layer = Self {
            scratch,
            diff_id,
            size,
        };
        layer.unpack(rights)?;
        Ok(layer)
    }

    /// Unpacks the archive, and checks that what was unpacked is what was written.
    fn unpack(&self, rights: Rights) -> Result<(), Error> {
        let path = tree(&self.scratch);
        let root = unpack::make_root(&path)?;
        let archive = blob(&self.scratch);
        let file = File::open(&archive).map_err(Error::io("opening", &archive))?;
        let file = Hashing::new(BufReader::with_capacity(1 << 17, file));
        let rest = unpack::unpack(root.as_fd(), file, rights, &Limits::default())?;
        let (_, found, _) = rest.finish();
        if found != self.diff_id {
            return Err(Error::WrongDigest {
                what: archive.display().to_string(),
                found,
                expected: self.diff_id.clone(),
            });
        }
        // All files at once: the layer must not be half there after a crash of the machine.
        rustix::fs::syncfs(&root).map_err(Error::errno("syncing", &path))
    }

    /// Moves both forms into the store, where they may be already.
    pub(crate) fn put(self, store: &Exclusive<'_>) -> Result<(), Error> {
        let layer = store.images.layer(&self.diff_id);
        match rustix::fs::rename(tree(&self.scratch), &layer) {
            Ok(()) | Err(Errno::EXIST | Errno::NOTEMPTY) => {}
            Err(errno) => return Err(Error::errno("naming", &layer)(errno)),
        }
        sync(store.images.layers())?;
        let path = store.images.blob(&self.diff_id);
        rustix::fs::rename(blob(&self.scratch), &path).map_err(Error::errno("naming", &path))?;
        sync(store.images.blobs())
    }
}

fn blob(scratch: &Scratch) -> PathBuf {
    scratch.path().join("blob")
}

fn tree(scratch: &Scratch) -> PathBuf {
    scratch.path().join("tree")
}

fn sync(directory: PathBuf) -> Result<(), Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, &directory, flags, Mode::empty())
        .and_then(rustix::fs::fsync)
        .map_err(Error::errno("syncing", &directory))
}

impl Images {
    /// Unpacks a layer whose blob is here and whose directory is not: one of an image for another
    /// machine, or one that was lost.
    pub(crate) fn unpack_again(&self, image: &Image, diff_id: &Digest) -> Result<(), Error> {
        let missing = || Error::MissingLayer {
            layer: diff_id.clone(),
            image: image.id.clone(),
        };
        let position = image.diff_ids.iter().position(|layer| layer == diff_id);
        let manifest = self.read_manifest(&image.manifest)?;
        let layer = position.and_then(|position| manifest.layers.get(position));
        let path = self.blob(&layer.ok_or_else(missing)?.digest.parse()?);
        let Ok(file) = File::open(&path) else {
            return Err(missing());
        };
        let scratch = Scratch::new(self.root())?;
        let place = tree(&scratch);
        let root = unpack::make_root(&place)?;
        let stream = decompressor(BufReader::with_capacity(1 << 17, file))
            .map_err(Error::io("decompressing", &path))?;
        let rights = Rights::of_process();
        let rest = unpack::unpack(
            root.as_fd(),
            Hashing::new(stream),
            rights,
            &Limits::default(),
        )?;
        let (_, found, _) = rest.finish();
        if found != *diff_id {
            return Err(Error::WrongDigest {
                what: path.display().to_string(),
                found,
                expected: diff_id.clone(),
            });
        }
        rustix::fs::syncfs(&root).map_err(Error::errno("syncing", &place))?;
        let layer = self.layer(diff_id);
        match rustix::fs::rename(&place, &layer) {
            Ok(()) | Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(()),
            Err(errno) => Err(Error::errno("naming", &layer)(errno)),
        }
    }
}
