//! A pipe between two threads: chunks of bytes, a bounded number of them, used again and again.
//! An end that goes away without saying so is an error at the other end, never an end of file.

use std::io::{self, BufRead, Read};
use std::sync::mpsc;

/// Of a chunk. Two pipes of [`CHUNKS`] are what a layer costs in memory beside its decoder.
pub(crate) const CHUNK: usize = 128 * 1024;
const CHUNKS: usize = 12;

/// Bytes on their way.
pub(crate) struct Chunk {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Chunk {
    /// Reads as much as there is room for; 0 at the end of the stream.
    pub(crate) fn fill(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.filled = 0;
        while self.filled < self.bytes.len() {
            match read(self.bytes.get_mut(self.filled..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.filled)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}

/// The end that is written to.
pub(crate) struct Sender {
    full: mpsc::SyncSender<Option<Chunk>>,
    empty: mpsc::Receiver<Chunk>,
}

/// The end that is read from.
pub(crate) struct Receiver {
    full: mpsc::Receiver<Option<Chunk>>,
    empty: mpsc::Sender<Chunk>,
    current: Option<Chunk>,
    position: usize,
    ended: bool,
}

/// The other end is gone, for a reason of its own.
#[derive(Debug, thiserror::Error)]
#[error("the other end of a pipe is gone")]
pub(crate) struct Gone;

pub(crate) fn pipe() -> (Sender, Receiver) {
    let (full, receiver) = mpsc::sync_channel(CHUNKS);
    let (giver, empty) = mpsc::channel();
    let sender = Sender { full, empty };
    let receiver = Receiver {
        full: receiver,
        empty: giver,
        current: None,
        position: 0,
        ended: false,
    };
    (sender, receiver)
}

impl Sender {
    /// A chunk to be filled.
    pub(crate) fn chunk(&self) -> Chunk {
        self.empty.try_recv().unwrap_or_else(|_| Chunk {
            bytes: vec![0; CHUNK].into_boxed_slice(),
            filled: 0,
        })
    }

    /// Hands a chunk over, waiting for room.
    pub(crate) fn send(&self, chunk: Chunk) -> Result<(), Gone> {
        self.full.send(Some(chunk)).map_err(|_| Gone)
    }

    /// Says that this was all.
    pub(crate) fn end(self) -> Result<(), Gone> {
        self.full.send(None).map_err(|_| Gone)
    }
}

impl BufRead for Receiver {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let is_empty = |chunk: &Chunk| self.position >= chunk.filled;
        if !self.ended && self.current.as_ref().is_none_or(is_empty) {
            if let Some(used) = self.current.take() {
                // A sender that is done needs it no more.
                let _ = self.empty.send(used);
            }
            self.position = 0;
            match self.full.recv() {
                Ok(Some(chunk)) => self.current = Some(chunk),
                Ok(None) => self.ended = true,
                Err(_) => return Err(io::Error::other(Gone)),
            }
        }
        let chunk = self.current.as_ref().map(Chunk::bytes).unwrap_or_default();
        Ok(chunk.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

impl Read for Receiver {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

/// Whether an error only says that the other end is gone, so that its reason is the one to tell.
pub(crate) fn is_gone(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<Gone>() {
            return true;
        }
        cause = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read_and_an_end_must_be_said() {
        let (sender, mut receiver) = pipe();
        let mut chunk = sender.chunk();
        let mut input = &b"abc"[..];
        assert_eq!(chunk.fill(|buffer| input.read(buffer)).unwrap(), 3);
        sender.send(chunk).unwrap();
        sender.end().unwrap();
        let mut text = String::new();
        receiver.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");

        let (sender, mut receiver) = pipe();
        drop(sender);
        let error = receiver.read_to_string(&mut text).unwrap_err();
        assert!(is_gone(&error));
        let wrapped = crate::unpack::Error::Stream(error);
        assert!(is_gone(&wrapped));
    }

    #[test]
    fn a_reader_that_went_away_ends_the_writer() {
        let (sender, receiver) = pipe();
        drop(receiver);
        let chunk = sender.chunk();
        assert!(sender.send(chunk).is_err());
    }
}
