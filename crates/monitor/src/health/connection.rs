//! A look over the container's network: whether a port can be connected to, and what a GET is
//! answered. The sockets are opened in its network once, when it starts (`runtime::sockets_in_network`);
//! each look then uses them again, without waiting anywhere.

use std::io::Error;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use rustix::net::{RecvFlags, SendFlags, Shutdown, connect, connect_unspec, recv, send, shutdown};
use serde::{Deserialize, Serialize};

use crate::poller::{Poller, Token, Watch};

/// The most that is read of an answer: its first line is enough.
const ANSWER_MAX: usize = 4096;

/// What is connected to, and what is asked there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Where, in the container's network; the first one that can be connected to counts.
    pub addresses: Vec<SocketAddr>,
    /// A request of HTTP that must be answered with 2xx or 3xx; none when a connection is enough.
    pub request: Option<String>,
}

/// Code and words of a look that is over.
pub(super) type Verdict = (i32, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Asking,
    Hearing,
}

/// A look that goes on.
pub(super) struct Connection {
    /// Which address, and its socket.
    at: usize,
    stage: Stage,
    watch: Watch,
    answer: Vec<u8>,
}

impl Connection {
    /// Begins a look; the verdict at once when nothing can be connected to.
    pub(super) fn begin(
        target: &Target,
        sockets: &[OwnedFd],
        poller: &Poller,
    ) -> Result<Self, Verdict> {
        let mut connection = Self {
            at: 0,
            stage: Stage::Connecting,
            watch: Watch::nothing(),
            answer: Vec::new(),
        };
        match connection.connect(target, sockets, poller, Errno::INVAL) {
            None => Ok(connection),
            Some(verdict) => Err(verdict),
        }
    }

    /// Goes on as far as it can without waiting; the verdict when it is over.
    pub(super) fn go_on(
        &mut self,
        target: &Target,
        sockets: &[OwnedFd],
        poller: &Poller,
    ) -> Option<Verdict> {
        let socket = sockets.get(self.at)?;
        let step = match self.stage {
            Stage::Connecting => match socket_error(socket).and_then(|error| error) {
                Ok(()) => Ok(self.connected(target)),
                Err(errno) => {
                    self.leave(sockets, poller);
                    self.at += 1;
                    return self.connect(target, sockets, poller, errno);
                }
            },
            Stage::Asking => self.ask(socket, target),
            Stage::Hearing => self.hear(socket),
        };
        let verdict = match step {
            Ok(verdict) => verdict,
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(errno) => Some((1, Error::from(errno).to_string())),
        };
        if verdict.is_none() {
            self.watch(sockets, poller);
        } else {
            self.leave(sockets, poller);
        }
        verdict
    }

    /// Lets go of the socket, which is used again.
    pub(super) fn leave(&mut self, sockets: &[OwnedFd], poller: &Poller) {
        if let Some(socket) = sockets.get(self.at) {
            let _ = poller.watch(
                socket.as_fd(),
                Token::Look,
                &mut self.watch,
                EventFlags::empty(),
            );
            // One that was never connected has nothing to be shut.
            let _ = shutdown(socket, Shutdown::Both);
        }
    }

    /// Begins to connect to the first address, from the present one on, that does not refuse at
    /// once; `last` is why the one before it did.
    fn connect(
        &mut self,
        target: &Target,
        sockets: &[OwnedFd],
        poller: &Poller,
        mut last: Errno,
    ) -> Option<Verdict> {
        while let (Some(address), Some(socket)) =
            (target.addresses.get(self.at), sockets.get(self.at))
        {
            // It forgets the look before.
            let _ = connect_unspec(socket);
            match connect(socket, address) {
                Ok(()) | Err(Errno::INPROGRESS) => {
                    self.stage = Stage::Connecting;
                    self.watch(sockets, poller);
                    return None;
                }
                Err(errno) => last = errno,
            }
            self.at += 1;
        }
        Some((1, Error::from(last).to_string()))
    }

    fn watch(&mut self, sockets: &[OwnedFd], poller: &Poller) {
        let wanted = match self.stage {
            Stage::Connecting | Stage::Asking => EventFlags::OUT,
            Stage::Hearing => EventFlags::IN,
        };
        if let Some(socket) = sockets.get(self.at) {
            // Without it the look ends with its time.
            let _ = poller.watch(socket.as_fd(), Token::Look, &mut self.watch, wanted);
        }
    }

    fn connected(&mut self, target: &Target) -> Option<Verdict> {
        self.stage = Stage::Asking;
        target.request.is_none().then(|| (0, String::new()))
    }

    /// Sends the request, which a new connection has room for.
    fn ask(&mut self, socket: &OwnedFd, target: &Target) -> Result<Option<Verdict>, Errno> {
        let request = target.request.as_deref().unwrap_or_default();
        let sent = send(socket, request.as_bytes(), SendFlags::NOSIGNAL)?;
        if sent < request.len() {
            return Err(Errno::MSGSIZE);
        }
        self.stage = Stage::Hearing;
        Ok(None)
    }

    fn hear(&mut self, socket: &OwnedFd) -> Result<Option<Verdict>, Errno> {
        let mut block = [0; 512];
        let (length, _) = recv(socket, &mut block[..], RecvFlags::empty())?;
        self.answer
            .extend_from_slice(block.get(..length).unwrap_or_default());
        let is_over = length == 0 || self.answer.contains(&b'\n') || self.answer.len() > ANSWER_MAX;
        Ok(is_over.then(|| judge(&self.answer)))
    }
}

/// What an answer means: its first line says it.
fn judge(answer: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().next().unwrap_or_default().trim_end();
    let mut words = line.split(' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/"));
    let status: Option<u16> = words
        .next()
        .filter(|_| is_http)
        .and_then(|word| word.parse().ok());
    match status {
        Some(200..400) => (0, line.to_owned()),
        Some(_) => (1, line.to_owned()),
        None => (1, "what answers does not speak HTTP".to_owned()),
    }
}
