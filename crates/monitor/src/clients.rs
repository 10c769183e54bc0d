//! The clients of a monitor: who is connected, what each wants, and who is behind. What they say
//! is obeyed in `event_loop.rs`.
//!
//! Nothing is kept for a client in the monitor's memory. Its backlog is the kernel's socket
//! buffer; when that is full the client *owes*: it has not taken what was read last, and that
//! output is not read again until it has, or is gone. So an attached client loses nothing, and
//! one that stops reading stops the container once its pipe is full too, as a shell's pipe would
//! (and as Docker's attach does). The log has everything that was read. After the container's
//! end nobody waits for a client any more: see `farewell.rs`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use crate::Error;
use crate::output::Stream;
use crate::poller::{Poller, Token, Watch};
use crate::protocol::{FromClient, FromMonitor, PAYLOAD_MAX};

/// The slot of the client that spawned the monitor.
pub(crate) const STARTER: usize = 0;

/// One connected client.
pub(crate) struct Client {
    socket: OwnedFd,
    watch: Watch,
    /// Whether it may write to standard input.
    pub(crate) stdin: bool,
    /// Which outputs it wants, by [`Stream::index`].
    wants: [bool; 2],
    /// Of which outputs it has not taken what was read last.
    owes: [bool; 2],
    /// After the end: how many bytes of each output's rest it has taken.
    taken: [usize; 2],
}

/// What came from a client.
pub(crate) enum Received<'a> {
    Frame(FromClient<'a>),
    /// Nothing for now.
    Nothing,
    /// It hung up, or said what no client says.
    Gone,
}

impl Client {
    fn new(socket: OwnedFd) -> Client {
        let (wants, owes, taken) = ([false; 2], [false; 2], [0; 2]);
        Client {
            socket,
            watch: Watch::nothing(),
            stdin: false,
            wants,
            owes,
            taken,
        }
    }

    /// Connects the client to these streams from now on.
    pub(crate) fn attach(&mut self, stdin: bool, wants: [bool; 2]) {
        (self.stdin, self.wants) = (stdin, wants);
        self.owes = [self.owes[0] && wants[0], self.owes[1] && wants[1]];
    }

    pub(crate) fn wants(&self, stream: Stream) -> bool {
        self.wants[stream.index()]
    }

    pub(crate) fn owes(&self, stream: Stream) -> bool {
        self.owes[stream.index()]
    }

    /// Receives a frame into `buffer`.
    pub(crate) fn receive<'a>(&self, buffer: &'a mut [u8]) -> Received<'a> {
        match FromClient::receive(self.socket.as_fd(), buffer) {
            Ok(Some(frame)) => Received::Frame(frame),
            Err(Error::Receive(Errno::AGAIN)) => Received::Nothing,
            Ok(None) | Err(_) => Received::Gone,
        }
    }

    /// Sends what the client has not taken yet of an output's `rest`; false when it has no room for
    /// all of it now.
    ///
    /// # Errors
    /// When the client is gone.
    pub(crate) fn send_rest(&mut self, stream: Stream, rest: &[u8]) -> Result<bool, Errno> {
        if !self.wants(stream) {
            return Ok(true);
        }
        for part in rest[self.taken[stream.index()]..].chunks(PAYLOAD_MAX) {
            if !self.send(&stream.frame(part))? {
                return Ok(false);
            }
            self.taken[stream.index()] += part.len();
        }
        Ok(true)
    }

    /// Sends a frame; false when the client has no room for it now.
    ///
    /// # Errors
    /// When the client is gone.
    pub(crate) fn send(&self, frame: &FromMonitor<'_>) -> Result<bool, Errno> {
        match frame.send(self.socket.as_fd()) {
            Ok(()) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

/// Everybody who is connected; slot [`STARTER`] is the starter's alone.
pub(crate) struct Clients {
    slots: [Option<Client>; Clients::MAX],
}

impl Clients {
    /// The most clients at a time; more wait in the socket's backlog.
    pub(crate) const MAX: usize = 16;

    /// The starter, if there is one, whose socket becomes non-blocking.
    pub(crate) fn new(starter: Option<OwnedFd>) -> Result<Clients, Errno> {
        if let Some(starter) = &starter {
            rustix::io::ioctl_fionbio(starter, true)?;
        }
        let mut slots = [const { None }; Clients::MAX];
        slots[STARTER] = starter.map(Client::new);
        Ok(Clients { slots })
    }

    pub(crate) fn slots() -> std::ops::Range<usize> {
        0..Clients::MAX
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&Client> {
        self.slots.get(slot)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut Client> {
        self.slots.get_mut(slot)?.as_mut()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.slots[STARTER + 1..].iter().any(Option::is_none)
    }

    /// Accepts a waiting client; false when there is none, or no room.
    pub(crate) fn accept(&mut self, listener: BorrowedFd<'_>) -> Result<bool, Errno> {
        let Some(slot) = self.slots[STARTER + 1..]
            .iter_mut()
            .find(|slot| slot.is_none())
        else {
            return Ok(false);
        };
        match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(socket) => *slot = Some(Client::new(socket)),
            Err(Errno::AGAIN) => return Ok(false),
            // accept(2): the client gave up while it waited.
            Err(Errno::INTR | Errno::CONNABORTED) => {}
            Err(errno) => return Err(errno),
        }
        Ok(true)
    }

    /// Hangs up on a client.
    pub(crate) fn remove(&mut self, slot: usize, poller: &Poller) -> Result<(), Errno> {
        self.watch(slot, poller, EventFlags::empty())?;
        self.slots[slot] = None;
        Ok(())
    }

    /// Waits for `wanted` of the client in this slot, if there is one.
    pub(crate) fn watch(
        &mut self,
        slot: usize,
        poller: &Poller,
        wanted: EventFlags,
    ) -> Result<(), Errno> {
        let Some(client) = self.get_mut(slot) else {
            return Ok(());
        };
        poller.watch(
            client.socket.as_fd(),
            Token::Client(slot),
            &mut client.watch,
            wanted,
        )
    }

    /// The client in this slot takes no output any more.
    pub(crate) fn want_nothing(&mut self, slot: usize) {
        if let Some(client) = self.get_mut(slot) {
            client.attach(client.stdin, [false; 2]);
        }
    }

    /// Nothing is watched any more: the poller they were watched by is gone.
    pub(crate) fn forget_watches(&mut self) {
        for client in self.slots.iter_mut().flatten() {
            client.watch = Watch::nothing();
        }
    }

    pub(crate) fn someone_owes(&self, stream: Stream) -> bool {
        self.slots
            .iter()
            .flatten()
            .any(|client| client.owes(stream))
    }

    /// After the end: an output's rest begins with `latest` bytes that were sent already to whoever
    /// does not owe them.
    pub(crate) fn begin_rest(&mut self, stream: Stream, latest: usize) {
        for client in self.slots.iter_mut().flatten() {
            client.taken[stream.index()] = if client.owes(stream) { 0 } else { latest };
        }
    }

    /// Sends what was read last to the client in this slot, if it wants or owes it, and notes
    /// whether it owes it now.
    ///
    /// # Errors
    /// When the client is gone.
    pub(crate) fn send_latest(
        &mut self,
        slot: usize,
        stream: Stream,
        latest: &[u8],
    ) -> Result<(), Errno> {
        let Some(client) = self.get_mut(slot) else {
            return Ok(());
        };
        if client.wants(stream) {
            client.owes[stream.index()] = !client.send(&stream.frame(latest))?;
        }
        Ok(())
    }
}
