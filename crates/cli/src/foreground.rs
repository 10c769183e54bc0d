//! Staying with a container: its streams carried, signals passed on, until it ends or the user
//! leaves. The loop itself is in `attach.rs`; here is what goes in and what comes of it.

use std::os::fd::{AsFd, OwnedFd};

use engine::{Engine, Started, Streams};

use crate::attach::{Error, Options, Outcome, Session, relay};
use crate::detach_keys::DetachKeys;
use crate::exit_code::Failure;
use crate::{output, terminal};

/// What the user wants of the streams.
#[derive(Debug, Clone)]
pub(crate) struct Wishes {
    /// Whether standard input is forwarded.
    pub(crate) stdin: bool,
    /// Whether the container's standard output is shown.
    pub(crate) stdout: bool,
    /// Whether its standard error is.
    pub(crate) stderr: bool,
    /// Whether the container has a terminal.
    pub(crate) terminal: bool,
    /// The keys that leave the container running; empty for none.
    pub(crate) detach_keys: Option<DetachKeys>,
    /// Whether signals are passed on.
    pub(crate) proxy: bool,
}

impl Wishes {
    /// What the monitor is told of them.
    pub(crate) fn streams(&self) -> Streams {
        let size = terminal::size(rustix::stdio::stdout()).filter(|_| self.terminal);
        Streams {
            stdin: self.stdin,
            stdout: self.stdout,
            stderr: self.stderr,
            window: size.map(|size| (size.rows, size.cols)),
        }
    }

    /// Refuses a terminal for somebody who has none.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.terminal && self.stdin && !rustix::termios::isatty(rustix::stdio::stdin()) {
            return Err(Failure::usage(
                "the input device is not a TTY (leave out -t or -i)",
            ));
        }
        Ok(())
    }
}

/// `--detach-keys`, as a value for clap; an empty one is no keys.
pub(crate) fn detach_keys(text: &str) -> Result<Option<DetachKeys>, String> {
    match text.is_empty() {
        true => Ok(None),
        false => text.parse().map(Some).map_err(|error| format!("{error}")),
    }
}

/// Carries the streams of a container that was just started; gives back the exit code.
pub(crate) fn follow_started(
    engine: &Engine,
    started: Started,
    wishes: &Wishes,
) -> Result<i32, Failure> {
    let socket = started.socket.try_clone().map_err(|error| {
        Failure::of_run(Error::Io {
            operation: "duplicating the monitor's socket",
            errno: rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO),
        })
    })?;
    let id = started.record().id.clone();
    match follow(engine, socket, &id, wishes) {
        Ok(Outcome::Exited(code)) => Ok(code),
        Ok(Outcome::Detached) => Ok(0),
        Ok(Outcome::Interrupted(signal)) => Ok(128 + signal),
        Err(Error::HungUp) => {
            let code = engine.end_of_lost(&started).map_err(Failure::of_run)?;
            output::error("the container's monitor was killed, and the container with it");
            Ok(code)
        }
        Err(error) => Err(Failure::of_run(error)),
    }
}

/// Carries the streams of a container over an attached socket.
pub(crate) fn follow(
    engine: &Engine,
    socket: OwnedFd,
    id: &str,
    wishes: &Wishes,
) -> Result<Outcome, Error> {
    let mut session = Session::new(socket)?;
    let (stdin, stdout, stderr) = (
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    );
    let mut proxy = |signal: i32| {
        // A container that has just ended needs no signal.
        let _ = engine.kill(id, signal);
    };
    let options = Options {
        stdin: wishes.stdin.then(|| stdin.as_fd()),
        stdout: stdout.as_fd(),
        stderr: stderr.as_fd(),
        terminal: wishes.terminal,
        makes_lines: false,
        detach_keys: wishes.detach_keys.clone(),
        proxy: wishes.proxy.then_some(&mut proxy),
    };
    relay(&mut session, options)
}
