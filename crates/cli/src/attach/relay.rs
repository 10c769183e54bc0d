//! The loop of an attachment. What it is for, and both its ends, are in `attach.rs`.

use std::os::fd::{AsFd, BorrowedFd};

use monitor::protocol::PAYLOAD_MAX;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, write};

use super::signals::{Signals, broken_pipe, is_window_change};
use super::{Arrival, Endpoint, Error, Interest, Options, Outcome, Stream};
use crate::detach_keys::Scanner;
use crate::terminal;

/// How much is written at once when a stream says it has room: a pipe has room for that much
/// then (PIPE_BUF, pipe(7)), so the write does not wait.
const WRITE_MAX: usize = 4096;

/// Bytes on their way, at most one buffer.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    done: usize,
}

impl Pending {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.done..]
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// An empty buffer to be filled.
    fn refill(&mut self) -> &mut Vec<u8> {
        self.done = 0;
        self.bytes.clear();
        &mut self.bytes
    }
}

/// How far the user's input is.
#[derive(PartialEq, Eq)]
enum Input {
    Open,
    /// It ended; the far end is to hear of it.
    Ending,
    Ended,
}

/// The loop's state.
pub(super) struct Relay<'e, 'a> {
    endpoint: &'e mut dyn Endpoint,
    options: Options<'a>,
    signals: Signals,
    scanner: Option<Scanner>,
    read_buffer: Vec<u8>,
    input: Pending,
    input_state: Input,
    output: Pending,
    /// Where the pending output goes.
    sink: Stream,
    resize_due: bool,
}

/// Which files of a wait are ready.
struct Ready {
    signals: bool,
    stdin: bool,
    sink: bool,
    endpoint: bool,
}

impl<'e, 'a> Relay<'e, 'a> {
    pub(super) fn new(
        endpoint: &'e mut dyn Endpoint,
        mut options: Options<'a>,
        signals: Signals,
    ) -> Relay<'e, 'a> {
        let keys = options.detach_keys.take().filter(|_| options.terminal);
        Relay {
            endpoint,
            signals,
            scanner: keys.map(Scanner::new),
            read_buffer: vec![0; PAYLOAD_MAX / 2],
            input: Pending::default(),
            input_state: if options.stdin.is_some() {
                Input::Open
            } else {
                Input::Ended
            },
            output: Pending::default(),
            sink: Stream::Stdout,
            resize_due: options.terminal,
            options,
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, Error> {
        loop {
            self.push()?;
            let ready = self.wait().map_err(Error::io("waiting for the streams"))?;
            let mut outcome = None;
            if ready.signals {
                outcome = self.hear_signals()?;
            }
            if ready.sink {
                outcome = outcome.or(self.write_output()?);
            }
            if ready.endpoint && self.output.is_empty() {
                outcome = outcome.or(self.receive()?);
            }
            if ready.stdin {
                outcome = outcome.or(self.read_input()?);
            }
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
    }

    /// Hands the far end what it has room for.
    fn push(&mut self) -> Result<(), Error> {
        if self.resize_due {
            self.resize_due = match terminal::size(self.options.stdout) {
                Some(size) => !self.endpoint.resize(size)?,
                None => false,
            };
        }
        if !self.input.is_empty() {
            self.input.done += self.endpoint.send(self.input.rest())?;
        }
        if self.input.is_empty()
            && self.input_state == Input::Ending
            && self.endpoint.close_input()?
        {
            self.input_state = Input::Ended;
        }
        Ok(())
    }

    fn wait(&self) -> Result<Ready, Errno> {
        let reads = self.input_state == Input::Open && self.input.is_empty();
        let room = !self.input.is_empty() || self.input_state == Input::Ending || self.resize_due;
        let has_output = !self.output.is_empty();
        let sink = self.sink();
        let incoming = |fd| (fd, PollFlags::IN);
        let mut interests: [Option<Interest<'_>>; 7] = [None; 7];
        interests[0] = self.signals.fd().map(incoming);
        interests[1] = self.options.stdin.filter(|_| reads).map(incoming);
        interests[2] = has_output.then_some((sink, PollFlags::OUT));
        interests[3..].copy_from_slice(&self.endpoint.interests(!has_output, room));

        let mut ready = [false; 7];
        let wanted = || {
            interests
                .iter()
                .enumerate()
                .filter_map(|(at, wish)| Some((at, (*wish)?)))
        };
        let mut files: Vec<PollFd<'_>> = wanted()
            .map(|(_, (fd, flags))| PollFd::from_borrowed_fd(fd, flags))
            .collect();
        match poll(&mut files, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        for ((at, _), file) in wanted().zip(&files) {
            ready[at] = !file.revents().is_empty();
        }
        let [signals, stdin, sink, endpoint @ ..] = ready;
        Ok(Ready {
            signals,
            stdin,
            sink,
            endpoint: endpoint.contains(&true),
        })
    }

    fn sink(&self) -> BorrowedFd<'a> {
        match self.sink {
            Stream::Stdout => self.options.stdout,
            Stream::Stderr => self.options.stderr,
        }
    }

    fn hear_signals(&mut self) -> Result<Option<Outcome>, Error> {
        let next = self.signals.next().map_err(Error::io("reading signals"))?;
        let Some(signal) = next else { return Ok(None) };
        if is_window_change(signal) {
            self.resize_due = true;
            return Ok(None);
        }
        match &mut self.options.proxy {
            Some(proxy) if !self.options.terminal => proxy(signal),
            _ => return Ok(Some(Outcome::Interrupted(signal))),
        }
        Ok(None)
    }

    fn write_output(&mut self) -> Result<Option<Outcome>, Error> {
        let part = &self.output.rest()[..self.output.rest().len().min(WRITE_MAX)];
        match write(self.sink(), part) {
            Ok(count) => self.output.done += count,
            Err(Errno::INTR | Errno::AGAIN) => {}
            // Nobody reads our output any more.
            Err(Errno::PIPE) => return Ok(Some(Outcome::Interrupted(broken_pipe()))),
            Err(errno) => return Err(Error::io("writing the container's output")(errno)),
        }
        Ok(None)
    }

    fn receive(&mut self) -> Result<Option<Outcome>, Error> {
        match self.endpoint.receive()? {
            Arrival::Output(stream, bytes) => {
                self.output.refill().extend_from_slice(bytes);
                self.sink = stream;
                Ok(None)
            }
            Arrival::Exited(code) => Ok(Some(Outcome::Exited(code))),
            Arrival::Nothing => Ok(None),
        }
    }

    fn read_input(&mut self) -> Result<Option<Outcome>, Error> {
        let Some(stdin) = self.options.stdin else {
            return Ok(None);
        };
        let count = match read(stdin.as_fd(), &mut self.read_buffer) {
            // A terminal that was hung up says EIO.
            Ok(0) | Err(Errno::IO) => {
                self.input_state = Input::Ending;
                return Ok(None);
            }
            Ok(count) => count,
            Err(Errno::INTR | Errno::AGAIN) => return Ok(None),
            Err(errno) => return Err(Error::io("reading standard input")(errno)),
        };
        let typed = &self.read_buffer[..count];
        let input = self.input.refill();
        let Some(scanner) = &mut self.scanner else {
            input.extend_from_slice(typed);
            return Ok(None);
        };
        if scanner.scan(typed, input) {
            self.endpoint.detach()?;
            return Ok(Some(Outcome::Detached));
        }
        Ok(None)
    }
}
