//! What the monitor waits for: an epoll set whose events are named, and a note per file of what
//! is watched, so that a change of mind costs a system call and no change costs none.

use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::output::Stream;

/// Events taken from the kernel at a time.
const BATCH: usize = 8;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// An output has bytes, or ended.
    Output(Stream),
    /// Standard input has room.
    Stdin,
    /// The container's first process ended.
    Process,
    /// A signal is pending.
    Signals,
    /// Somebody connects.
    Listener,
    /// A limit of memory was met.
    Memory,
    /// The look at the container's health can go on.
    Look,
    /// The client in this slot.
    Client(usize),
}

/// The token of the client in slot 0.
const FIRST_CLIENT: u64 = 8;

impl Token {
    fn number(self) -> u64 {
        match self {
            Token::Output(Stream::Stdout) => 0,
            Token::Output(Stream::Stderr) => 1,
            Token::Stdin => 2,
            Token::Process => 3,
            Token::Signals => 4,
            Token::Listener => 5,
            Token::Memory => 6,
            Token::Look => 7,
            Token::Client(slot) => FIRST_CLIENT + slot as u64,
        }
    }

    fn of(number: u64) -> Token {
        match number {
            0 => Token::Output(Stream::Stdout),
            1 => Token::Output(Stream::Stderr),
            2 => Token::Stdin,
            3 => Token::Process,
            4 => Token::Signals,
            5 => Token::Listener,
            6 => Token::Memory,
            7 => Token::Look,
            client => Token::Client(usize::try_from(client - FIRST_CLIENT).unwrap_or(usize::MAX)),
        }
    }
}

/// What is watched of one file at present; nothing to begin with.
#[derive(Debug)]
pub(crate) struct Watch(EventFlags);

impl Watch {
    pub(crate) const fn nothing() -> Watch {
        Watch(EventFlags::empty())
    }
}

/// Events of one wait.
pub(crate) struct Batch {
    tokens: [Token; BATCH],
    len: usize,
}

impl IntoIterator for Batch {
    type Item = Token;
    type IntoIter = std::iter::Take<std::array::IntoIter<Token, BATCH>>;

    fn into_iter(self) -> Self::IntoIter {
        self.tokens.into_iter().take(self.len)
    }
}

/// An epoll set, level-triggered.
pub(crate) struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> Result<Poller, Errno> {
        Ok(Poller {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
        })
    }

    /// Watches `file` for `wanted`. Watching nothing takes the file out of the set, since a
    /// hang-up would be reported all the same; that has to come before the file is closed.
    pub(crate) fn watch(
        &self,
        file: BorrowedFd<'_>,
        token: Token,
        watch: &mut Watch,
        wanted: EventFlags,
    ) -> Result<(), Errno> {
        let data = EventData::new_u64(token.number());
        match (watch.0.is_empty(), wanted.is_empty()) {
            _ if watch.0 == wanted => {}
            (true, _) => epoll::add(&self.epoll, file, data, wanted)?,
            (_, true) => epoll::delete(&self.epoll, file)?,
            _ => epoll::modify(&self.epoll, file, data, wanted)?,
        }
        watch.0 = wanted;
        Ok(())
    }

    /// Waits for events, at most for `limit`.
    pub(crate) fn wait(&self, limit: Option<Duration>) -> Result<Batch, Errno> {
        // A wait that ends too early costs another one; a limit is longer than any wait.
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let mut space = [MaybeUninit::<Event>::uninit(); BATCH];
        let events = match epoll::wait(&self.epoll, &mut space, limit.as_ref()) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => &mut [],
            Err(errno) => return Err(errno),
        };
        let mut tokens = [Token::Process; BATCH];
        for (token, event) in tokens.iter_mut().zip(events.iter()) {
            *token = Token::of(event.data.u64());
        }
        Ok(Batch {
            tokens,
            len: events.len(),
        })
    }
}
