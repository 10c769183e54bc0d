//! A monitor's life while its container runs: one thread, one epoll set, buffers that are made
//! once. It carries bytes and obeys clients; beginning and end are in `run.rs`.
//!
//! ```text
//!  container ─ stdout, stderr or terminal ─→ Output ─→ log
//!                                                  └─→ clients
//!            ←─ pipe or terminal ── Stdin ←─────────── clients
//! ```

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use runtime::cgroup::OomWatch;
use runtime::{Exit, Process};
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions, WaitStatus, pidfd_send_signal, waitpid};
use rustix::termios::{Winsize, tcsetwinsize};
use sys::signals::read_signal;

use crate::clients::{Clients, Received, STARTER};
use crate::health::{HealthWatch, OnFailure};
use crate::log::Log;
use crate::output::{Arrival, Output, Stream};
use crate::poller::{Poller, Token, Watch};
use crate::protocol::{FRAME_MAX, FromClient};
use crate::stdin::Stdin;
use crate::streams::Streams;
use crate::{Error, Notice, Witness};

/// The most that is read of an output after the container's end: what a pipe can hold
/// (pipe-max-size of pipe(7)), so that a writer which outlives the container cannot hold it up.
const REST_MAX: usize = 1024 * 1024;

/// What the loop is to work with.
pub(crate) struct Setup<'a> {
    pub(crate) process: &'a Process,
    pub(crate) streams: Streams,
    /// Whether standard input ends with the first client that may write to it.
    pub(crate) stdin_once: bool,
    /// Where clients connect; non-blocking.
    pub(crate) listener: OwnedFd,
    /// The socket of the client that is there already.
    pub(crate) starter: Option<OwnedFd>,
    /// A signalfd with SIGCHLD.
    pub(crate) signals: OwnedFd,
    /// Tells what is killed for want of memory, where that cannot be asked for in the end.
    pub(crate) memory: Option<OomWatch>,
    pub(crate) log: Option<Log>,
    /// The watch over the container's health.
    pub(crate) health: Option<HealthWatch>,
    /// Whoever is told what happens.
    pub(crate) witness: Witness<'a>,
}

/// A monitor at work.
pub(crate) struct EventLoop<'a> {
    poller: Poller,
    process: &'a Process,
    signals: OwnedFd,
    listener: OwnedFd,
    listener_watch: Watch,
    outputs: [Option<Output>; 2],
    stdin: Stdin,
    stdin_once: bool,
    /// See [`Streams::peer`].
    _peer: Option<OwnedFd>,
    clients: Clients,
    memory: Option<OomWatch>,
    /// Whether a process was killed for want of memory.
    oom_killed: bool,
    log: Option<Log>,
    /// The first thing that could not be logged.
    log_error: Option<Error>,
    health: Option<HealthWatch>,
    /// When an unhealthy container that was asked to end is killed.
    kill_at: Option<Instant>,
    /// Whether the container was killed to be started again.
    restarts: bool,
    witness: Witness<'a>,
    frame: Box<[u8]>,
}

impl<'a> EventLoop<'a> {
    /// Ready to run.
    pub(crate) fn new(setup: Setup<'a>) -> Result<EventLoop<'a>, Errno> {
        let Setup {
            process,
            streams,
            stdin_once,
            listener,
            starter,
            signals,
            memory,
            log,
            health,
            witness,
        } = setup;
        let poller = Poller::new()?;
        for (file, token) in [(&process.pidfd, Token::Process), (&signals, Token::Signals)] {
            poller.watch(file.as_fd(), token, &mut Watch::nothing(), EventFlags::IN)?;
        }
        if let Some(memory) = &memory {
            let nothing = &mut Watch::nothing();
            poller.watch(memory.as_fd(), Token::Memory, nothing, EventFlags::IN)?;
        }
        let [stdout, stderr] = streams.outputs;
        Ok(EventLoop {
            poller,
            process,
            signals,
            listener,
            listener_watch: Watch::nothing(),
            outputs: [
                stdout.map(|source| Output::new(Stream::Stdout, source)),
                stderr.map(|source| Output::new(Stream::Stderr, source)),
            ],
            stdin: Stdin::new(streams.stdin),
            stdin_once,
            _peer: streams.peer,
            clients: Clients::new(starter)?,
            memory,
            oom_killed: false,
            log,
            log_error: None,
            health,
            kill_at: None,
            restarts: false,
            witness,
            frame: vec![0; FRAME_MAX].into_boxed_slice(),
        })
    }

    /// Works until the container's process ended, and reaps it. What the starter said before is
    /// heard first, so that it misses nothing if it attached.
    pub(crate) fn run(&mut self) -> Result<Exit, Error> {
        let failed = |errno| Error::Monitor {
            operation: "serving the container's streams",
            errno,
        };
        let end = self.run_until_exit();
        self.count_kills();
        match end.map_err(failed)? {
            Some(exit) => Ok(exit),
            None => Ok(self.process.wait()?),
        }
    }

    /// The end, if it was reaped; `None` if it is known only to have come.
    fn run_until_exit(&mut self) -> Result<Option<Exit>, Errno> {
        while self.may_hear(STARTER) && self.hear(STARTER)? {}
        loop {
            self.rearm()?;
            let batch = self.poller.wait(self.patience())?;
            self.on_time();
            for token in batch {
                match token {
                    Token::Process => return Ok(None),
                    Token::Signals => {
                        if let Some(exit) = self.reap()? {
                            return Ok(Some(exit));
                        }
                    }
                    Token::Listener => drop(self.clients.accept(self.listener.as_fd())),
                    Token::Memory => self.count_kills(),
                    Token::Look => self.care(HealthWatch::heard),
                    Token::Stdin => self.stdin.flush(&self.poller)?,
                    Token::Output(stream) => self.carry(stream)?,
                    Token::Client(slot) => self.serve(slot)?,
                }
            }
        }
    }

    /// Does something for the container's health, and what follows from it.
    fn care(&mut self, work: impl FnOnce(&mut HealthWatch, &Poller) -> bool) {
        let Some(health) = &mut self.health else {
            return;
        };
        let before = health.status().to_owned();
        let falls = work(health, &self.poller);
        if before != health.status() {
            (self.witness)(Notice::Health(health.status()));
        }
        if falls {
            self.on_unhealthy();
        }
    }

    /// How long to wait for events; for ever when nothing is due.
    fn patience(&self) -> Option<Duration> {
        let look = self.health.as_ref().and_then(HealthWatch::rest);
        let kill = self
            .kill_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        look.into_iter().chain(kill).min()
    }

    /// Does what is due.
    fn on_time(&mut self) {
        self.care(HealthWatch::on_time);
        if self.kill_at.is_some_and(|at| at <= Instant::now()) {
            self.kill_at = None;
            self.signal(Signal::KILL);
        }
    }

    /// The container has just become unhealthy.
    fn on_unhealthy(&mut self) {
        let Some(probe) = self.health.as_ref().map(HealthWatch::probe) else {
            return;
        };
        let (signal, timeout) = (sys::signals::signal(probe.stop_signal), probe.stop_timeout);
        match probe.on_failure {
            OnFailure::None => {}
            OnFailure::Kill => self.signal(Signal::KILL),
            OnFailure::Restart => {
                self.restarts = true;
                self.signal(Signal::KILL);
            }
            OnFailure::Stop => {
                self.signal(signal.unwrap_or(Signal::TERM));
                self.kill_at = timeout.map(|ms| Instant::now() + Duration::from_millis(ms));
            }
        }
    }

    /// A container that has just ended needs no signal.
    fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.process.pidfd, signal);
    }

    fn count_kills(&mut self) {
        let kills = self.memory.as_mut().map_or(0, OomWatch::take);
        if kills > 0 {
            self.oom_killed = true;
            (self.witness)(Notice::OutOfMemory);
        }
    }

    /// Reads what is left in the outputs, for the log and for clients, without waiting for
    /// whoever else may hold them open.
    pub(crate) fn drain(mut self) -> Drained {
        let mut rests = [Vec::new(), Vec::new()];
        for output in self.outputs.iter_mut().flatten() {
            let (stream, rest) = (output.stream(), &mut rests[output.stream().index()]);
            if self.clients.someone_owes(stream) {
                rest.extend_from_slice(output.latest());
            }
            self.clients.begin_rest(stream, rest.len());
            while rest.len() < REST_MAX && output.read() == Ok(Arrival::Bytes) {
                rest.extend_from_slice(output.latest());
                note(&mut self.log_error, output.log_lines(self.log.as_mut()));
            }
            note(&mut self.log_error, output.log_rest(self.log.as_mut()));
        }
        Drained {
            clients: self.clients,
            listener: self.listener,
            rests,
            log_lost: self.log.as_ref().map_or(0, Log::lost),
            oom_killed: self.oom_killed,
            log_error: self.log_error,
            restarts: self.restarts,
        }
    }

    /// Watches exactly what can be dealt with now.
    fn rearm(&mut self) -> Result<(), Errno> {
        for output in self.outputs.iter_mut().flatten() {
            let held = self.clients.someone_owes(output.stream());
            output.watch(&self.poller, when(!held, EventFlags::IN))?;
        }
        let wanted = when(self.clients.has_room(), EventFlags::IN);
        let listener = self.listener.as_fd();
        self.poller
            .watch(listener, Token::Listener, &mut self.listener_watch, wanted)?;
        for slot in Clients::slots() {
            let Some(client) = self.clients.get(slot) else {
                continue;
            };
            let owes = Stream::ALL.iter().any(|&stream| client.owes(stream));
            let wanted = when(owes, EventFlags::OUT) | when(self.may_hear(slot), EventFlags::IN);
            self.clients.watch(slot, &self.poller, wanted)?;
        }
        Ok(())
    }

    /// Whether the next frame of the client in this slot could be obeyed now.
    fn may_hear(&self, slot: usize) -> bool {
        let may_write = self.clients.get(slot).is_some_and(|client| client.stdin);
        !(may_write && self.stdin.is_behind())
    }

    /// An output has bytes: they are logged and sent.
    fn carry(&mut self, stream: Stream) -> Result<(), Errno> {
        // An event of this batch may have come before a client fell behind.
        if self.clients.someone_owes(stream) {
            return Ok(());
        }
        let Some(output) = &mut self.outputs[stream.index()] else {
            return Ok(());
        };
        match output.read() {
            Ok(Arrival::Bytes) => {}
            Ok(Arrival::Nothing) => return Ok(()),
            Ok(Arrival::End) | Err(_) => {
                // Nobody ends the line that was begun.
                note(&mut self.log_error, output.log_rest(self.log.as_mut()));
                output.watch(&self.poller, EventFlags::empty())?;
                self.outputs[stream.index()] = None;
                return Ok(());
            }
        }
        note(&mut self.log_error, output.log_lines(self.log.as_mut()));
        for slot in Clients::slots() {
            self.send_latest(slot, stream);
        }
        Ok(())
    }

    fn send_latest(&mut self, slot: usize, stream: Stream) {
        let Some(output) = &self.outputs[stream.index()] else {
            return;
        };
        if self
            .clients
            .send_latest(slot, stream, output.latest())
            .is_err()
        {
            // Whether it is lost or had detached is in what it said last, which is heard in its turn.
            self.clients.want_nothing(slot);
        }
    }

    /// A client has room for what it owes, or says something, or both.
    fn serve(&mut self, slot: usize) -> Result<(), Errno> {
        for stream in Stream::ALL {
            if let Some(client) = self.clients.get(slot)
                && client.owes(stream)
            {
                self.send_latest(slot, stream);
            }
        }
        if self.may_hear(slot) {
            self.hear(slot)?;
        }
        Ok(())
    }

    /// Obeys one frame of a client; false when there is none.
    fn hear(&mut self, slot: usize) -> Result<bool, Errno> {
        let Some(client) = self.clients.get(slot) else {
            return Ok(false);
        };
        let mut buffer = std::mem::take(&mut self.frame);
        let heard = match client.receive(&mut buffer) {
            Received::Frame(frame) => self.obey(slot, &frame).map(|()| true),
            Received::Nothing => Ok(false),
            Received::Gone => self.lose(slot).map(|()| false),
        };
        self.frame = buffer;
        heard
    }

    fn obey(&mut self, slot: usize, frame: &FromClient<'_>) -> Result<(), Errno> {
        let Some(client) = self.clients.get_mut(slot) else {
            return Ok(());
        };
        match *frame {
            FromClient::Attach {
                stdin,
                stdout,
                stderr,
            } => {
                let one_stream = self.process.terminal.is_some();
                client.attach(stdin, [stdout || (one_stream && stderr), stderr]);
                Ok(())
            }
            FromClient::Stdin(bytes) if client.stdin => self.stdin.take(bytes, &self.poller),
            FromClient::CloseStdin if client.stdin => self.end_stdin(),
            FromClient::Resize { rows, cols } => {
                self.resize(rows, cols);
                Ok(())
            }
            FromClient::Detach => {
                (self.witness)(Notice::Detached);
                self.clients.remove(slot, &self.poller)
            }
            FromClient::Stdin(_) | FromClient::CloseStdin | FromClient::Begin => self.lose(slot),
        }
    }

    /// Hangs up on a client that is gone or makes no sense.
    fn lose(&mut self, slot: usize) -> Result<(), Errno> {
        let could_write = self.clients.get(slot).is_some_and(|client| client.stdin);
        self.clients.remove(slot, &self.poller)?;
        if could_write {
            self.end_stdin()
        } else {
            Ok(())
        }
    }

    /// A client that could write has no more to say. A terminal has no end, as in Docker.
    fn end_stdin(&mut self) -> Result<(), Errno> {
        if self.stdin_once && self.process.terminal.is_none() {
            self.stdin.close(&self.poller)?;
        }
        Ok(())
    }

    fn resize(&self, rows: u16, cols: u16) {
        if let Some(terminal) = &self.process.terminal {
            let size = Winsize {
                ws_row: rows,
                ws_col: cols,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            // A terminal that was hung up has no size.
            let _ = tcsetwinsize(terminal, size);
            (self.witness)(Notice::Resized { rows, cols });
        }
    }

    /// Reaps what ended: orphans of the container that became ours (`PR_SET_CHILD_SUBREAPER`), and
    /// its own process, whose end is returned.
    fn reap(&mut self) -> Result<Option<Exit>, Errno> {
        while read_signal(self.signals.as_fd())?.is_some() {}
        while let Ok(Some((pid, status))) = waitpid(None, WaitOptions::NOHANG) {
            if pid == self.process.pid {
                return Ok(exit_of(status));
            }
            let code = exit_of(status).map_or(-1, Exit::code);
            self.care(|health, _| health.ended(pid, code));
        }
        Ok(None)
    }
}

/// What is left of the loop after the container's end.
pub(crate) struct Drained {
    pub(crate) clients: Clients,
    pub(crate) listener: OwnedFd,
    /// What was read of each output after the end.
    pub(crate) rests: [Vec<u8>; 2],
    /// Whether a process was seen to be killed for want of memory.
    pub(crate) oom_killed: bool,
    /// The first thing that could not be logged.
    pub(crate) log_error: Option<Error>,
    /// How many bytes of the log were lost.
    pub(crate) log_lost: u64,
    /// Whether the container was killed to be started again.
    pub(crate) restarts: bool,
}

fn exit_of(status: WaitStatus) -> Option<Exit> {
    status
        .exit_status()
        .map(Exit::Code)
        .or(status.terminating_signal().map(Exit::Signal))
}

fn when(condition: bool, flags: EventFlags) -> EventFlags {
    if condition {
        flags
    } else {
        EventFlags::empty()
    }
}

fn note(first: &mut Option<Error>, outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        first.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests;
