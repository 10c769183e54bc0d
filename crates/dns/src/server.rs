//! The loop: whatever is ready goes on a little, nothing is waited for but all of it.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use domain::base::iana::Rcode;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, acceptfrom_with, recvfrom, sendto};

use crate::client::{Client, Gone};
use crate::directory::{Directory, View};
use crate::forward::{Forward, Progress, Reply};
use crate::message::{self, MOST, Query, Read, Said};
use crate::sockets::{Sort, sort};
use crate::timers::Timers;

/// Questions on their way to other servers, of all and of one asker.
const FORWARDS: usize = 3072;
const FORWARDS_OF_ONE: usize = 1024;

/// Connections, of all and of one asker.
const CLIENTS: usize = 128;
const CLIENTS_OF_ONE: usize = 32;

/// Questions that are taken from one socket before others get their turn.
const TURN: usize = 64;

/// How often it is looked whether anybody is left, where nothing tells.
const GLANCE: Duration = Duration::from_secs(2);

/// The token of the directory; sockets have lower ones, everything else has higher ones.
const DIRECTORY: u64 = 16;

/// Answers on these sockets until nobody is left who could ask.
///
/// # Errors
/// When the kernel takes away what is needed.
pub fn serve(sockets: Vec<OwnedFd>, directory: &mut dyn Directory) -> Result<(), Errno> {
    let sockets = (0..DIRECTORY).zip(sockets).map(|(token, socket)| {
        let sort = sort(&socket)?;
        Ok((token, (socket, sort)))
    });
    let sockets: BTreeMap<_, _> = sockets.collect::<Result<_, Errno>>()?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    for (token, (socket, _)) in &sockets {
        epoll::add(&epoll, socket, EventData::new_u64(*token), EventFlags::IN)?;
    }
    if let Some(fd) = directory.fd() {
        epoll::add(&epoll, fd, EventData::new_u64(DIRECTORY), EventFlags::IN)?;
    }
    let mut server = Server {
        epoll,
        sockets,
        directory,
        forwards: BTreeMap::new(),
        clients: BTreeMap::new(),
        timers: Timers::default(),
        last: DIRECTORY,
        turn: 0,
    };
    server.run()
}

struct Server<'a> {
    epoll: OwnedFd,
    sockets: BTreeMap<u64, (OwnedFd, Sort)>,
    directory: &'a mut dyn Directory,
    forwards: BTreeMap<u64, Forward>,
    clients: BTreeMap<u64, Client>,
    timers: Timers,
    /// The last token that was given out.
    last: u64,
    turn: usize,
}

impl Server<'_> {
    fn run(&mut self) -> Result<(), Errno> {
        // Whoever started this process may have gone meanwhile.
        let mut is_told = true;
        loop {
            if is_told && self.directory.is_over() {
                return Ok(());
            }
            let glance = self.directory.fd().is_none().then_some(GLANCE);
            let mut events = [MaybeUninit::<Event>::uninit(); 64];
            let pause = self.timers.pause(Instant::now(), glance);
            let ready = match epoll::wait(&self.epoll, &mut events, pause.as_ref()) {
                Ok((ready, _)) => &*ready,
                Err(Errno::INTR) => &[],
                Err(errno) => return Err(errno),
            };
            is_told = glance.is_some();
            for event in ready {
                let token = event.data.u64();
                is_told |= token == DIRECTORY;
                self.attend(token);
            }
            while let Some(token) = self.timers.due(Instant::now()) {
                self.expire_client(token);
                self.forward_failed(token);
            }
        }
    }

    fn attend(&mut self, token: u64) {
        match self.sockets.get(&token).map(|(_, sort)| *sort) {
            Some(Sort::Datagrams) => self.datagrams(token),
            Some(Sort::Connections) => self.connections(token),
            None if self.clients.contains_key(&token) => self.client(token),
            None => self.forward(token),
        }
    }

    /// Takes questions from a socket.
    fn datagrams(&mut self, token: u64) {
        let mut buffer = vec![0; MOST];
        for _ in 0..TURN {
            let Some((socket, _)) = self.sockets.get(&token) else {
                return;
            };
            let (bytes, from) = match recvfrom(socket, &mut *buffer, RecvFlags::empty()) {
                Ok((length, _, Some(from))) => (buffer.get(..length).unwrap_or_default(), from),
                Ok(_) | Err(Errno::INTR) => continue,
                Err(_) => return,
            };
            let Ok(from) = SocketAddr::try_from(from) else {
                continue;
            };
            self.question(bytes, from.ip(), Reply::Datagram(token, from));
        }
    }

    /// Takes connections from a socket.
    fn connections(&mut self, token: u64) {
        let Some((socket, _)) = self.sockets.get(&token) else {
            return;
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let Ok((socket, Some(from))) = acceptfrom_with(socket, flags) else {
            return;
        };
        let Ok(asker) = SocketAddr::try_from(from).map(|from| from.ip()) else {
            return;
        };
        let of_one = self
            .clients
            .values()
            .filter(|client| client.asker == asker)
            .count();
        let is_full = self.clients.len() >= CLIENTS || of_one >= CLIENTS_OF_ONE;
        if is_full || self.directory.view(asker).is_none() {
            return;
        }
        let client = Client::new(socket, asker);
        let token = self.token();
        if self.watch(token, client.fd(), client.interest()).is_ok() {
            self.timers.set(client.due, token);
            self.clients.insert(token, client);
        }
    }

    fn token(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn watch(&self, token: u64, fd: impl AsFd, interest: EventFlags) -> Result<(), Errno> {
        epoll::add(&self.epoll, fd, EventData::new_u64(token), interest)
    }

    /// Goes on with a client.
    fn client(&mut self, token: u64) {
        let Some(client) = self.clients.get_mut(&token) else {
            return;
        };
        let asker = client.asker;
        let received = client.flush().and_then(|()| client.receive());
        let Ok(messages) = received else {
            return self.forget_client(token);
        };
        for message in messages {
            self.question(&message, asker, Reply::Client(token));
        }
        self.settle_client(token);
    }

    /// Waits for what a client needs now, or ends with it.
    fn settle_client(&mut self, token: u64) {
        let Some(client) = self.clients.get_mut(&token) else {
            return;
        };
        let (fd, interest) = (client.fd(), client.interest());
        let settled = epoll::modify(&self.epoll, fd, EventData::new_u64(token), interest);
        self.timers.set(client.due, token);
        if client.is_done() || settled.is_err() {
            self.forget_client(token);
        }
    }

    fn forget_client(&mut self, token: u64) {
        if let Some(client) = self.clients.remove(&token) {
            self.timers.clear(client.due, token);
        }
    }

    /// Ends with a client that was silent for too long.
    fn expire_client(&mut self, token: u64) {
        // A timer may be left from before it was last heard of.
        let is_due = |client: &Client| client.due <= Instant::now();
        if self.clients.get(&token).is_some_and(is_due) {
            self.forget_client(token);
        }
    }

    /// Answers a question, or hands it on.
    fn question(&mut self, bytes: &[u8], asker: IpAddr, reply: Reply) {
        let Some(view) = self.directory.view(asker) else {
            return;
        };
        let query = match message::read(bytes, matches!(reply, Reply::Datagram(..))) {
            Read::Query(query) => query,
            Read::Refused(answer) => return self.answer(reply, &answer),
            Read::Dropped => return,
        };
        self.turn = self.turn.wrapping_add(1);
        match query.answer(&view, self.turn) {
            Said::Answer(answer) => self.answer(reply, &answer),
            Said::Nothing(query) => self.hand_on(query, &view, asker, reply),
        }
    }

    fn hand_on(&mut self, query: Query, view: &View, asker: IpAddr, reply: Reply) {
        if !view.leads_out {
            return self.answer(reply, &query.refuse(Rcode::REFUSED));
        }
        let of_one = self
            .forwards
            .values()
            .filter(|other| other.asker == asker)
            .count();
        if self.forwards.len() >= FORWARDS || of_one >= FORWARDS_OF_ONE {
            return self.answer(reply, &query.refuse(Rcode::SERVFAIL));
        }
        let servers = self.directory.servers(view);
        let forward = match Forward::start(query, reply, asker, servers) {
            Ok(forward) => forward,
            Err(query) => return self.answer(reply, &query.refuse(Rcode::SERVFAIL)),
        };
        let token = self.token();
        if self.watch(token, forward.fd(), forward.interest()).is_err() {
            return self.answer(reply, &forward.query.refuse(Rcode::SERVFAIL));
        }
        self.timers.set(forward.due, token);
        self.forwards.insert(token, forward);
        if let Reply::Client(client) = reply
            && let Some(client) = self.clients.get_mut(&client)
        {
            client.open += 1;
        }
    }

    /// Goes on with a question that was handed on.
    fn forward(&mut self, token: u64) {
        let Some(forward) = self.forwards.get_mut(&token) else {
            return;
        };
        match forward.go_on() {
            Progress::Waits => {
                let (fd, interest) = (forward.fd(), forward.interest());
                let _ = epoll::modify(&self.epoll, fd, EventData::new_u64(token), interest);
            }
            Progress::Failed => self.forward_failed(token),
            Progress::Answered(answer) if Query::is_failure(&answer) => {
                match self.retry(token, true) {
                    true => {}
                    false => self.end_forward(token, &answer),
                }
            }
            Progress::Answered(answer) => self.end_forward(token, &answer),
        }
    }

    /// Asks another server, if there is a question with this token.
    fn forward_failed(&mut self, token: u64) {
        if self.forwards.contains_key(&token) && !self.retry(token, false) {
            let refusal = |forward: &Forward| forward.query.refuse(Rcode::SERVFAIL);
            if let Some(answer) = self.forwards.get(&token).map(refusal) {
                self.end_forward(token, &answer);
            }
        }
    }

    fn retry(&mut self, token: u64, anew: bool) -> bool {
        let Some(forward) = self.forwards.get_mut(&token) else {
            return false;
        };
        self.timers.clear(forward.due, token);
        if !forward.retry(anew) {
            return false;
        }
        self.timers.set(forward.due, token);
        let (fd, interest) = (forward.fd(), forward.interest());
        // The socket before went out of it when it was closed.
        epoll::add(&self.epoll, fd, EventData::new_u64(token), interest).is_ok()
    }

    fn end_forward(&mut self, token: u64, answer: &[u8]) {
        let Some(forward) = self.forwards.remove(&token) else {
            return;
        };
        self.timers.clear(forward.due, token);
        let Reply::Client(client) = forward.reply else {
            return self.answer(forward.reply, answer);
        };
        if let Some(client) = self.clients.get_mut(&client) {
            client.open = client.open.saturating_sub(1);
        }
        self.answer(forward.reply, answer);
        self.settle_client(client);
    }

    /// Sends an answer.
    fn answer(&mut self, reply: Reply, answer: &[u8]) {
        match reply {
            Reply::Datagram(socket, to) => {
                if let Some((socket, _)) = self.sockets.get(&socket) {
                    // Whoever gets none asks again.
                    let _ = sendto(socket, answer, SendFlags::NOSIGNAL, &to);
                }
            }
            Reply::Client(token) => {
                let Some(client) = self.clients.get_mut(&token) else {
                    return;
                };
                if let Err(Gone) = client.answer(answer) {
                    self.forget_client(token);
                }
            }
        }
    }
}
