//! A question that another server was asked: with an id and from a port that nobody can guess, to
//! one server after the other until one answers.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

use crate::message::{MOST, Query};

/// How long one server is waited for. Askers give up after 5 seconds and ask again.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How often a question is asked.
const TRIES: usize = 3;

/// Where the answer goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// From this socket to this address.
    Datagram(u64, SocketAddr),
    /// To the client with this token.
    Client(u64),
}

/// How the other server is asked.
enum Way {
    Datagram,
    /// What is still to be sent, and what was received.
    Stream(Vec<u8>, Vec<u8>),
}

/// A question on its way.
pub(crate) struct Forward {
    pub(crate) query: Query,
    pub(crate) reply: Reply,
    pub(crate) asker: IpAddr,
    servers: Vec<SocketAddr>,
    tries: usize,
    id: u16,
    socket: OwnedFd,
    way: Way,
    pub(crate) due: Instant,
}

/// How it stands.
pub(crate) enum Progress {
    /// Nothing yet.
    Waits,
    /// The answer.
    Answered(Vec<u8>),
    /// This server does not answer.
    Failed,
}

impl Forward {
    /// Asks the first of the servers that can be asked; gives the question back when none can.
    pub(crate) fn start(
        query: Query,
        reply: Reply,
        asker: IpAddr,
        servers: Vec<SocketAddr>,
    ) -> Result<Self, Query> {
        for tries in 0..servers.len().min(TRIES) {
            if let Ok((socket, id, way)) = ask(&query, reply, &servers, tries) {
                return Ok(Self {
                    query,
                    reply,
                    asker,
                    servers,
                    tries,
                    id,
                    socket,
                    way,
                    due: Instant::now() + PATIENCE,
                });
            }
        }
        Err(query)
    }

    /// Asks again; `false` when it was asked often enough. `anew` is for a server that said that it
    /// does not know: none is asked that twice.
    pub(crate) fn retry(&mut self, anew: bool) -> bool {
        let most = if anew {
            self.servers.len().min(TRIES)
        } else {
            TRIES
        };
        while self.tries + 1 < most {
            self.tries += 1;
            if let Ok((socket, id, way)) = ask(&self.query, self.reply, &self.servers, self.tries) {
                (self.socket, self.id, self.way) = (socket, id, way);
                self.due = Instant::now() + PATIENCE;
                return true;
            }
        }
        false
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What it waits for.
    pub(crate) fn interest(&self) -> EventFlags {
        match &self.way {
            Way::Stream(out, _) if !out.is_empty() => EventFlags::OUT,
            _ => EventFlags::IN,
        }
    }

    /// Goes on as far as it can.
    pub(crate) fn go_on(&mut self) -> Progress {
        let mut buffer = vec![0; MOST];
        loop {
            let step = match &mut self.way {
                Way::Datagram => {
                    recv(&self.socket, &mut *buffer, RecvFlags::empty()).map(|(length, _)| length)
                }
                Way::Stream(out, _) if !out.is_empty() => {
                    let sent = send(&self.socket, out, SendFlags::NOSIGNAL);
                    match sent {
                        Ok(sent) => {
                            out.drain(..sent);
                            continue;
                        }
                        Err(errno) => Err(errno),
                    }
                }
                Way::Stream(..) => match recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
                    Ok((0, _)) => Err(Errno::CONNRESET),
                    received => received.map(|(length, _)| length),
                },
            };
            match step {
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    if let Some(progress) = self.take(bytes) {
                        return progress;
                    }
                }
                Err(Errno::AGAIN | Errno::NOTCONN) => return Progress::Waits,
                Err(Errno::INTR) => {}
                Err(_) => return Progress::Failed,
            }
        }
    }

    /// Takes what came in. A datagram that is no answer to this question is somebody's who guesses.
    fn take(&mut self, bytes: &[u8]) -> Option<Progress> {
        let (message, is_stream) = match &mut self.way {
            Way::Datagram => (bytes, false),
            Way::Stream(_, received) => {
                received.extend_from_slice(bytes);
                let (length, rest) = received.split_first_chunk()?;
                let length = usize::from(u16::from_be_bytes(*length));
                (rest.get(..length)?, true)
            }
        };
        match self.query.accept(message, self.id) {
            Some(answer) => Some(Progress::Answered(answer)),
            None if is_stream => Some(Progress::Failed),
            None => None,
        }
    }
}

fn ask(
    query: &Query,
    reply: Reply,
    servers: &[SocketAddr],
    tries: usize,
) -> Result<(OwnedFd, u16, Way), Errno> {
    let at = tries.checked_rem(servers.len()).unwrap_or(0);
    let server = servers.get(at).ok_or(Errno::DESTADDRREQ)?;
    let mut id = [0; 2];
    rustix::rand::getrandom(&mut id, rustix::rand::GetRandomFlags::empty())?;
    let id = u16::from_be_bytes(id);
    let message = query.with_id(id);
    let family = match server {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let make = |kind| socket_with(family, kind, flags, None);
    // Connected, so that the kernel takes nothing from anybody else; it chooses the port.
    match reply {
        Reply::Datagram(..) => {
            let socket = make(SocketType::DGRAM)?;
            connect(&socket, server)?;
            send(&socket, &message, SendFlags::NOSIGNAL)?;
            Ok((socket, id, Way::Datagram))
        }
        Reply::Client(_) => {
            let socket = make(SocketType::STREAM)?;
            match connect(&socket, server) {
                Ok(()) | Err(Errno::INPROGRESS) => {}
                Err(errno) => return Err(errno),
            }
            let out = crate::client::framed(&message);
            Ok((socket, id, Way::Stream(out, Vec::new())))
        }
    }
}
