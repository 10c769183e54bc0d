//! The far end of an attachment that is a process of our own: an exec session.

use std::os::fd::{AsFd, OwnedFd};

use monitor::protocol::PAYLOAD_MAX;
use runtime::{Exit, Process};
use rustix::event::PollFlags;
use rustix::io::{Errno, ioctl_fionbio, read, write};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{Arrival, Endpoint, Error, Interest, Stream};
use crate::terminal::Size;

/// A process with pipes to its streams, or with a terminal.
#[derive(Debug)]
pub struct Child {
    process: Process,
    exit: Option<Exit>,
    stdin: Option<OwnedFd>,
    /// Standard output (or the terminal) and standard error while they are open.
    outputs: [Option<OwnedFd>; 2],
    buffer: Box<[u8]>,
}

impl Child {
    /// Our ends of the pipes to `process`; `stdin` only if something will be sent.
    ///
    /// # Errors
    /// [`Error::Io`] when they cannot be made non-blocking.
    pub fn with_pipes(
        process: Process,
        stdin: Option<OwnedFd>,
        stdout: OwnedFd,
        stderr: OwnedFd,
    ) -> Result<Child, Error> {
        Child::new(process, stdin, [Some(stdout), Some(stderr)])
    }

    /// A process whose terminal the runtime handed out.
    ///
    /// # Errors
    /// [`Error::Io`] when it has none.
    pub fn with_terminal(process: Process) -> Result<Child, Error> {
        let opening = Error::io("taking over the terminal");
        let master = process
            .terminal
            .as_ref()
            .ok_or_else(|| opening(Errno::NOTTY))?;
        let again = || {
            master
                .try_clone()
                .map_err(|error| opening(Errno::from_io_error(&error).unwrap_or(Errno::MFILE)))
        };
        let (stdin, stdout) = (again()?, again()?);
        Child::new(process, Some(stdin), [Some(stdout), None])
    }

    fn new(
        process: Process,
        stdin: Option<OwnedFd>,
        outputs: [Option<OwnedFd>; 2],
    ) -> Result<Child, Error> {
        for file in outputs.iter().chain([&stdin]).flatten() {
            ioctl_fionbio(file, true).map_err(Error::io("taking over the process' streams"))?;
        }
        let buffer = vec![0; PAYLOAD_MAX].into_boxed_slice();
        Ok(Child {
            process,
            exit: None,
            stdin,
            outputs,
            buffer,
        })
    }
}

impl Endpoint for Child {
    fn interests(&self, output: bool, room: bool) -> [Option<Interest<'_>>; 4] {
        let [stdout, stderr] = &self.outputs;
        let [stdout, stderr, end] = [stdout.as_ref(), stderr.as_ref(), Some(&self.process.pidfd)]
            .map(|file| {
                file.filter(|_| output)
                    .map(|file| (file.as_fd(), PollFlags::IN))
            });
        let stdin = self.stdin.as_ref().filter(|_| room);
        [
            stdout,
            stderr,
            end,
            stdin.map(|file| (file.as_fd(), PollFlags::OUT)),
        ]
    }

    /// Whether the process ended is asked before its outputs are read: what it wrote is complete
    /// then, and other processes that hold a pipe open are not waited for.
    fn receive(&mut self) -> Result<Arrival<'_>, Error> {
        if self.exit.is_none() {
            self.exit = self.process.try_wait()?;
        }
        let mut arrived = None;
        for (slot, stream) in self
            .outputs
            .iter_mut()
            .zip([Stream::Stdout, Stream::Stderr])
        {
            let Some(output) = slot else { continue };
            match read(output, &mut *self.buffer) {
                // A terminal without a process says EIO.
                Ok(0) | Err(Errno::IO) => *slot = None,
                Ok(count) => {
                    arrived = Some((stream, count));
                    break;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(Error::io("reading the process' output")(errno)),
            }
        }
        Ok(match (arrived, self.exit) {
            (Some((stream, count)), _) => Arrival::Output(stream, &self.buffer[..count]),
            (None, Some(exit)) => Arrival::Exited(exit.code()),
            (None, None) => Arrival::Nothing,
        })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let Some(stdin) = &self.stdin else {
            return Ok(bytes.len());
        };
        match write(stdin, bytes) {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            // It reads no more; that is no reason to stop listening to it.
            Err(_) => {
                self.stdin = None;
                Ok(bytes.len())
            }
        }
    }

    fn close_input(&mut self) -> Result<bool, Error> {
        self.stdin = None;
        Ok(true)
    }

    fn resize(&mut self, Size { rows, cols }: Size) -> Result<bool, Error> {
        if let Some(terminal) = &self.process.terminal {
            let size = Winsize {
                ws_row: rows,
                ws_col: cols,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            // A terminal that was hung up has no size.
            let _ = tcsetwinsize(terminal, size);
        }
        Ok(true)
    }

    /// The process is left alone, but loses its streams with us.
    fn detach(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
