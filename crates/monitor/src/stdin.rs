//! The container's standard input: the pipe or terminal it reads, and the bytes that are on their
//! way there. Who may write is decided in `event_loop.rs`.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::io::{Errno, write};

use crate::poller::{Poller, Token, Watch};
use crate::protocol::PAYLOAD_MAX;

/// A standard input that clients may write to. While bytes wait for room, nothing more is taken.
pub(crate) struct Stdin {
    /// `None` once it is closed.
    sink: Option<OwnedFd>,
    watch: Watch,
    pending: Box<[u8]>,
    begin: usize,
    end: usize,
    closing: bool,
}

impl Stdin {
    /// Writes to `sink`, which must be non-blocking; `None` is an input that takes nothing.
    pub(crate) fn new(sink: Option<OwnedFd>) -> Stdin {
        let pending = vec![0; PAYLOAD_MAX].into_boxed_slice();
        Stdin {
            sink,
            watch: Watch::nothing(),
            pending,
            begin: 0,
            end: 0,
            closing: false,
        }
    }

    /// Whether bytes still wait for room.
    pub(crate) fn is_behind(&self) -> bool {
        self.begin < self.end
    }

    #[cfg(test)]
    pub(crate) fn is_open(&self) -> bool {
        self.sink.is_some()
    }

    /// Takes `bytes`, at most a frame's, when nothing is pending; without a reader they are lost,
    /// as with any pipe whose reader is gone.
    pub(crate) fn take(&mut self, bytes: &[u8], poller: &Poller) -> Result<(), Errno> {
        assert!(
            !self.is_behind(),
            "input is taken when what came before is written"
        );
        (self.begin, self.end) = if self.sink.is_some() {
            (0, bytes.len())
        } else {
            (0, 0)
        };
        self.pending[..bytes.len()].copy_from_slice(bytes);
        self.flush(poller)
    }

    /// Writes what there is room for.
    pub(crate) fn flush(&mut self, poller: &Poller) -> Result<(), Errno> {
        while self.is_behind()
            && let Some(sink) = &self.sink
        {
            match write(sink, &self.pending[self.begin..self.end]) {
                Ok(written) => self.begin += written,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // Nobody reads any more: a pipe without a reader, a terminal that was hung up.
                Err(_) => return self.shut(poller),
            }
        }
        if self.closing && !self.is_behind() {
            self.shut(poller)
        } else {
            self.rearm(poller)
        }
    }

    /// Ends the input once everything pending is written.
    pub(crate) fn close(&mut self, poller: &Poller) -> Result<(), Errno> {
        self.closing = true;
        self.flush(poller)
    }

    fn rearm(&mut self, poller: &Poller) -> Result<(), Errno> {
        let wanted = if self.is_behind() {
            EventFlags::OUT
        } else {
            EventFlags::empty()
        };
        match &self.sink {
            Some(sink) => poller.watch(sink.as_fd(), Token::Stdin, &mut self.watch, wanted),
            None => Ok(()),
        }
    }

    fn shut(&mut self, poller: &Poller) -> Result<(), Errno> {
        (self.begin, self.end) = (0, 0);
        self.rearm(poller)?;
        self.sink = None;
        Ok(())
    }
}
