//! One layer, from wherever it is to a blob and a directory of the store: download, digest,
//! decompress, digest, unpack, each beside the others, with no copy of the archive in between.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;

use super::Source;
use super::documents::Layer;
use super::partial::Partial;
use super::pipe::{Receiver, Sender, is_gone, pipe};
use crate::content::Images;
use crate::decompress::decompressor;
use crate::digest::Hashing;
use crate::lease::Lease;
use crate::progress::{Event, LayerState, Progress};
use crate::unpack::{self, Limits, Rights};
use crate::workers::{Job, Workers};
use crate::{Digest, Error};

/// What all layers of a pull share.
pub(super) struct Pulling<'a> {
    pub(super) images: &'a Images,
    pub(super) source: &'a dyn Source,
    pub(super) workers: &'a dyn Workers,
    pub(super) progress: &'a dyn Progress,
    pub(super) limits: &'a Limits,
    pub(super) lease: &'a Lease,
    pub(super) rights: Rights,
    /// Another layer failed: there is no use in going on.
    pub(super) stop: &'a AtomicBool,
}

/// A failure of a stage.
type Outcome = Mutex<Option<Error>>;

impl Pulling<'_> {
    /// Brings a layer into the store, unless it is there; with its directory, if `unpacked`.
    pub(super) fn layer(&self, layer: &Layer, unpacked: bool) -> Result<(), Error> {
        let state = |state| self.progress.tell(&Event::Layer(&layer.blob, state));
        let partial = Partial::lock(self.images, &layer.blob, || state(LayerState::Waiting))?;
        let has_blob = self.images.blob(&layer.blob).exists();
        let has_tree = !unpacked || self.images.layer(&layer.diff_id).exists();
        if has_blob && has_tree {
            partial.remove()?;
            state(LayerState::Exists);
            return Ok(());
        }
        let outcome = self.bring(layer, &partial, has_blob, has_tree);
        if let Err(error) = &outcome
            && is_full(error)
        {
            // Nobody can go on with it while there is no room.
            partial.remove()?;
            return outcome;
        }
        outcome?;
        match has_blob {
            true => partial.remove()?,
            false => partial.put(self.images, &layer.blob)?,
        }
        state(LayerState::Complete);
        Ok(())
    }

    fn bring(
        &self,
        layer: &Layer,
        partial: &Partial,
        has_blob: bool,
        has_tree: bool,
    ) -> Result<(), Error> {
        if has_blob {
            self.progress
                .tell(&Event::Layer(&layer.blob, LayerState::Unpacking));
        }
        let was_begun = !has_blob && partial.length()? > 0;
        match self.attempt(layer, partial, has_blob, has_tree) {
            // What an earlier pull left was damaged, perhaps by a crash of the machine.
            Err(Error::WrongDigest { .. } | Error::Unpack(_)) if was_begun => {
                partial.clear()?;
                self.attempt(layer, partial, has_blob, has_tree)
            }
            outcome => outcome,
        }
    }

    fn attempt(
        &self,
        layer: &Layer,
        partial: &Partial,
        has_blob: bool,
        has_tree: bool,
    ) -> Result<(), Error> {
        let receive = |sender: Option<Sender>| match has_blob {
            true => self.read_stored(layer, sender),
            false => self.receive(layer, partial, sender),
        };
        if has_tree {
            return receive(None);
        }
        let tree = self.lease.path().join(format!("tree-{}", layer.blob.hex()));
        let (raw_in, raw_out) = pipe();
        let (tar_in, tar_out) = pipe();
        let outcomes: [Outcome; 3] = Default::default();
        let [first, second, third] = &outcomes;
        let jobs: Vec<Job<'_>> = vec![
            stage(first, move || receive(Some(raw_in))),
            stage(second, move || decompress(&layer.blob, raw_out, tar_in)),
            stage(third, || self.unpack(layer, &tree, tar_out)),
        ];
        self.workers.run(jobs);
        match the_reason(outcomes) {
            Some(error) => {
                store::remove_tree(&tree)?;
                Err(error)
            }
            None => self.put_tree(layer, &tree),
        }
    }

    /// Takes in what is there of the blob, then the rest of it.
    fn receive(
        &self,
        layer: &Layer,
        partial: &Partial,
        sender: Option<Sender>,
    ) -> Result<(), Error> {
        let mut have = partial.length()?;
        if have > layer.size {
            partial.clear()?;
            have = 0;
        }
        let file = &partial.file;
        let state = LayerState::Downloading(have);
        self.progress.tell(&Event::Layer(&layer.blob, state));
        let mut hashing = Hashing::new(io::sink());
        let wrong = Error::io("reading", partial.path());
        let mut kept = Positioned { file, position: 0 };
        self.pass(&mut kept, have, &mut hashing, sender.as_ref(), |_| Ok(()))
            .map_err(|error| error.or_else(wrong))?;
        let mut rest = self.source.blob(&layer.blob, layer.size, have)?;
        let writing = |bytes: &[u8]| {
            let mut file = file;
            file.write_all(bytes)
                .map_err(Error::io("writing", partial.path()))?;
            let count = bytes.len() as u64;
            self.progress.tell(&Event::Bytes(&layer.blob, count));
            Ok(())
        };
        io::Seek::seek(&mut &*file, io::SeekFrom::Start(have))
            .map_err(Error::io("going on with", partial.path()))?;
        let what = format!("getting the blob {}", layer.blob);
        self.pass(&mut rest, u64::MAX, &mut hashing, sender.as_ref(), writing)
            .map_err(|error| error.or_else(Error::stream(&what)))?;
        let (_, found, size) = hashing.finish();
        if found != layer.blob || size != layer.size {
            partial.clear()?;
            return Err(Error::WrongDigest {
                what: format!("a blob of {size} bytes"),
                found,
                expected: layer.blob.clone(),
            });
        }
        sender.map_or(Ok(()), end)
    }

    /// Reads a blob that is here, which was verified when it came.
    fn read_stored(&self, layer: &Layer, sender: Option<Sender>) -> Result<(), Error> {
        let path = self.images.blob(&layer.blob);
        let mut file = File::open(&path).map_err(Error::io("opening", &path))?;
        let mut hashing = Hashing::new(io::sink());
        let failed = Error::io("reading", &path);
        self.pass(&mut file, u64::MAX, &mut hashing, sender.as_ref(), |_| {
            Ok(())
        })
        .map_err(|error| error.or_else(failed))?;
        let (_, found, _) = hashing.finish();
        if found != layer.blob {
            return Err(Error::WrongDigest {
                what: path.display().to_string(),
                found,
                expected: layer.blob.clone(),
            });
        }
        sender.map_or(Ok(()), end)
    }

    /// Passes bytes on: to the digest, to `also`, to the next stage.
    fn pass(
        &self,
        from: &mut dyn Read,
        most: u64,
        hashing: &mut Hashing<io::Sink>,
        to: Option<&Sender>,
        also: impl Fn(&[u8]) -> Result<(), Error>,
    ) -> Result<(), PassError> {
        let (spare, _unused) = pipe();
        let sender = to.unwrap_or(&spare);
        let mut from = from.take(most);
        let mut kept = None;
        loop {
            let mut chunk = kept.take().unwrap_or_else(|| sender.chunk());
            // What came before a failure is kept: the next pull goes on behind it.
            let outcome = chunk.fill(|buffer| from.read(buffer));
            if chunk.bytes().is_empty() {
                return outcome.map(drop).map_err(PassError::Stream);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(PassError::Ours(Error::Stopped));
            }
            // A sink takes everything.
            let _ = hashing.write_all(chunk.bytes());
            also(chunk.bytes()).map_err(PassError::Ours)?;
            match to {
                Some(sender) => sender
                    .send(chunk)
                    .map_err(|_| PassError::Ours(Error::Stopped))?,
                None => kept = Some(chunk),
            }
            outcome.map_err(PassError::Stream)?;
        }
    }

    /// Unpacks an archive, and checks that it is the one that the image means.
    fn unpack(&self, layer: &Layer, tree: &Path, archive: Receiver) -> Result<(), Error> {
        let root = unpack::make_root(tree)?;
        let archive = Hashing::new(archive);
        let rest = unpack::unpack(root.as_fd(), archive, self.rights, self.limits)?;
        let (_, found, _) = rest.finish();
        match found == layer.diff_id {
            true => Ok(()),
            false => Err(Error::WrongDigest {
                what: format!("the archive in the blob {}", layer.blob),
                found,
                expected: layer.diff_id.clone(),
            }),
        }
    }

    fn put_tree(&self, layer: &Layer, tree: &PathBuf) -> Result<(), Error> {
        let place = self.images.layer(&layer.diff_id);
        match rustix::fs::rename(tree, &place) {
            Ok(()) | Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(()),
            Err(errno) => Err(Error::errno("naming", &place)(errno)),
        }
    }
}

/// Why bytes were not passed on: what they come from failed, or something of ours.
enum PassError {
    Stream(io::Error),
    Ours(Error),
}

impl PassError {
    fn or_else(self, stream: impl FnOnce(io::Error) -> Error) -> Error {
        match self {
            Self::Stream(error) => stream(error),
            Self::Ours(error) => error,
        }
    }
}

/// A file read from a place of its own, whatever its offset.
struct Positioned<'a> {
    file: &'a File,
    position: u64,
}

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = std::os::unix::fs::FileExt::read_at(self.file, buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// A stage as a job that keeps its failure.
fn stage<'a>(outcome: &'a Outcome, act: impl FnOnce() -> Result<(), Error> + Send + 'a) -> Job<'a> {
    Box::new(move || {
        if let Err(error) = act() {
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    })
}

/// Of the failures of all stages the one that the others follow from.
fn the_reason(outcomes: [Outcome; 3]) -> Option<Error> {
    let mut failures: Vec<Error> = outcomes
        .into_iter()
        .filter_map(|outcome| outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect();
    let is_reason = |error: &Error| !matches!(error, Error::Stopped) && !is_gone(error);
    let position = failures.iter().position(is_reason).unwrap_or_default();
    (position < failures.len()).then(|| failures.swap_remove(position))
}

fn end(sender: Sender) -> Result<(), Error> {
    sender.end().map_err(|_| Error::Stopped)
}

fn decompress(blob: &Digest, from: Receiver, to: Sender) -> Result<(), Error> {
    let what = format!("decompressing the blob {blob}");
    let mut stream = decompressor(from).map_err(Error::stream(&what))?;
    loop {
        let mut chunk = to.chunk();
        let count = chunk.fill(|buffer| stream.read(buffer));
        if count.map_err(Error::stream(&what))? == 0 {
            return end(to);
        }
        to.send(chunk).map_err(|_| Error::Stopped)?;
    }
}

/// Whether there was no room on the disk.
fn is_full(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(
            kind,
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        ) {
            return true;
        }
        cause = error.source();
    }
    false
}
