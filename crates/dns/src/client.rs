//! Somebody who asks over a connection: messages with their lengths before them.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

/// How long somebody may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers that may wait for somebody who does not read, in bytes.
const MOST_WAITING: usize = 256 << 10;

/// A connection.
pub(crate) struct Client {
    socket: OwnedFd,
    pub(crate) asker: IpAddr,
    received: Vec<u8>,
    out: Vec<u8>,
    /// Questions that other servers were asked.
    pub(crate) open: usize,
    has_ended: bool,
    pub(crate) due: Instant,
}

/// Nothing more is to be had of it.
pub(crate) struct Gone;

impl Client {
    pub(crate) fn new(socket: OwnedFd, asker: IpAddr) -> Self {
        Self {
            socket,
            asker,
            received: Vec::new(),
            out: Vec::new(),
            open: 0,
            has_ended: false,
            due: Instant::now() + PATIENCE,
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What it waits for.
    pub(crate) fn interest(&self) -> EventFlags {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, !self.has_ended);
        flags.set(EventFlags::OUT, !self.out.is_empty());
        flags
    }

    /// Whether it got all that it asked for, and asks no more.
    pub(crate) fn is_done(&self) -> bool {
        self.has_ended && self.open == 0 && self.out.is_empty()
    }

    /// Reads what is there; gives back whole messages.
    pub(crate) fn receive(&mut self) -> Result<Vec<Vec<u8>>, Gone> {
        let mut buffer = vec![0; 4096];
        match recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => self.has_ended = true,
            Ok((length, _)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                self.received.extend_from_slice(bytes);
                self.due = Instant::now() + PATIENCE;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return Err(Gone),
        }
        let mut messages = Vec::new();
        while let Some((length, rest)) = self.received.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some(message) = rest.get(..length) else {
                break;
            };
            messages.push(message.to_vec());
            self.received.drain(..length + 2);
        }
        Ok(messages)
    }

    /// Sends an answer, as soon as there is room.
    pub(crate) fn answer(&mut self, message: &[u8]) -> Result<(), Gone> {
        self.out.extend(framed(message));
        self.due = Instant::now() + PATIENCE;
        self.flush()?;
        match self.out.len() {
            0..=MOST_WAITING => Ok(()),
            _ => Err(Gone),
        }
    }

    /// Sends what there is room for.
    pub(crate) fn flush(&mut self) -> Result<(), Gone> {
        while !self.out.is_empty() {
            match send(&self.socket, &self.out, SendFlags::NOSIGNAL) {
                Ok(sent) => drop(self.out.drain(..sent)),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }
}

/// A message with its length before it.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), message].concat()
}
