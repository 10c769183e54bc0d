//! Attaching: one loop that carries bytes between the user's streams and a far end, which is a
//! container's monitor ([`Session`]) or a process of our own ([`Child`]). Modes and sizes of the
//! terminal are in `terminal.rs`.
//!
//! ```text
//!  user's stdin ──→ detach keys ──→ input ──→ far end
//!  user's stdout, stderr ←── output ←──────── far end ──→ its end
//!  signals ──→ size of the terminal · the caller's proxy
//! ```
//!
//! Each direction holds at most one buffer and is not read again until that is written; nothing
//! but the wait itself ever blocks, so that keys and signals are heard while output is stuck.

mod child;
mod error;
mod relay;
mod session;
mod signals;
mod wait;

use std::os::fd::BorrowedFd;

use rustix::event::PollFlags;
use rustix::io::Errno;

use self::relay::Relay;
use self::signals::{Policy, Signals};
use crate::detach_keys::DetachKeys;
use crate::terminal::{RawMode, Size};

pub use child::Child;
pub use error::Error;
pub use session::Session;
pub use wait::{wait_passing_signals, wait_with_terminal};

/// How an attachment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The process ended with this exit code.
    Exited(i32),
    /// The detach keys were typed; the process goes on.
    Detached,
    /// We are to end as by this signal; the process goes on. `SIGPIPE` says that nobody reads our
    /// output any more.
    Interrupted(i32),
}

/// The user's side.
pub struct Options<'a> {
    /// Forwarded to the process; `None` without `-i`.
    pub stdin: Option<BorrowedFd<'a>>,
    /// Where its standard output goes, or its terminal's.
    pub stdout: BorrowedFd<'a>,
    /// Where its standard error goes.
    pub stderr: BorrowedFd<'a>,
    /// Whether the process has a terminal: `stdin`, if it is one too, becomes raw, the size of
    /// `stdout`'s window is followed, and signals are not passed on.
    pub terminal: bool,
    /// Whether the process' terminal leaves the making of lines to the user's.
    pub makes_lines: bool,
    /// Looked for in `stdin` when the process has a terminal.
    pub detach_keys: Option<DetachKeys>,
    /// Sends a signal that we got to the process, when it has no terminal; `None` lets signals
    /// have their usual effect.
    pub proxy: Option<&'a mut dyn FnMut(i32)>,
}

/// Carries everything until the process ends or the user leaves. Must be called by the only
/// thread of the process: signals are blocked meanwhile, and let through again afterwards.
///
/// # Errors
/// [`Error::HungUp`] when a monitor is gone without a word: the end is in `exit.json` then.
pub fn relay(endpoint: &mut dyn Endpoint, options: Options<'_>) -> Result<Outcome, Error> {
    let policy = match (options.terminal, &options.proxy) {
        (true, _) => Policy::End,
        (false, Some(_)) => Policy::Proxy,
        (false, None) => Policy::Leave,
    };
    let signals = Signals::catch(policy).map_err(Error::io("reading signals"))?;
    let _raw = match options.stdin.filter(|_| options.terminal) {
        Some(stdin) => match RawMode::enter(stdin, options.makes_lines) {
            Err(Errno::NOTTY) => None,
            entered => Some(entered.map_err(Error::io("setting the terminal to raw mode"))?),
        },
        None => None,
    };
    Relay::new(endpoint, options, signals).run()
}

/// What the loop needs of the far end. Nothing here waits.
pub trait Endpoint {
    /// What to wait for: with `output` until [`Endpoint::receive`] brings something, with `room`
    /// until it takes something.
    fn interests(&self, output: bool, room: bool) -> [Option<Interest<'_>>; 4];

    /// What comes next from the process.
    ///
    /// # Errors
    /// When the far end is lost.
    fn receive(&mut self) -> Result<Arrival<'_>, Error>;

    /// Sends input; returns how much was taken, 0 when there is no room.
    ///
    /// # Errors
    /// When the far end is lost.
    fn send(&mut self, bytes: &[u8]) -> Result<usize, Error>;

    /// Ends the input; false when there is no room for that now.
    ///
    /// # Errors
    /// When the far end is lost.
    fn close_input(&mut self) -> Result<bool, Error>;

    /// Resizes the process' terminal; false when there is no room for that now.
    ///
    /// # Errors
    /// When the far end is lost.
    fn resize(&mut self, size: Size) -> Result<bool, Error>;

    /// Leaves the process running.
    ///
    /// # Errors
    /// When the far end is lost.
    fn detach(&mut self) -> Result<(), Error>;
}

/// A file and what to wait for.
pub type Interest<'a> = (BorrowedFd<'a>, PollFlags);

/// Which of the process' outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What came from the far end.
#[derive(Debug)]
pub enum Arrival<'a> {
    /// Bytes that the process wrote.
    Output(Stream, &'a [u8]),
    /// The process ended with this code; all its output came before.
    Exited(i32),
    /// Nothing for now.
    Nothing,
}

#[cfg(test)]
mod tests;
