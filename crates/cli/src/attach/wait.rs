//! Waiting for a process that runs with our own streams, or with a terminal that is carried to
//! ours: the foreground of the runtime's verbs.

use std::os::fd::{AsFd, OwnedFd};

use runtime::Process;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::pidfd_send_signal;
use sys::proc::session;
use sys::signals::{SignalSet, read_signal, signal, signal_number, signalfd, unblock_all};

use super::{Child, Error, Options, Outcome, relay};

/// What a supervisor or a user sends. Stop signals are not among them: they stop us, as any program
/// in a shell, nor are those that tell of our own files and children.
const PASSED: [&str; 9] = [
    "HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "WINCH", "CONT",
];

/// Carries the process's terminal to ours until it ends; gives back its exit code.
///
/// # Errors
/// When the terminal cannot be set up or read.
pub fn wait_with_terminal(process: Process) -> Result<i32, Error> {
    let mut child = Child::with_terminal(process)?;
    let (stdin, stdout, stderr) = (
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    );
    let options = Options {
        stdin: Some(stdin.as_fd()),
        stdout: stdout.as_fd(),
        stderr: stderr.as_fd(),
        terminal: true,
        makes_lines: true,
        detach_keys: None,
        proxy: None,
    };
    match relay(&mut child, options)? {
        Outcome::Exited(code) => Ok(code),
        Outcome::Detached => Ok(0),
        Outcome::Interrupted(signal) => Ok(128 + signal),
    }
}

/// Waits for a process that has our own streams and passes on the signals we get meanwhile; gives
/// back its exit code. Must be called by the only thread.
///
/// # Errors
/// When signals cannot be read.
pub fn wait_passing_signals(process: &Process) -> Result<i32, Error> {
    let reading = Error::io("reading signals");
    let passed: Vec<i32> = PASSED
        .iter()
        .filter_map(|name| signal_number(name))
        .collect();
    let set = SignalSet::of(&passed);
    let signals = signalfd(&set).map_err(reading)?;
    set.block().map_err(reading)?;
    let outcome = wait(process, &signals);
    unblock_all().map_err(reading)?;
    outcome
}

fn wait(process: &Process, signals: &OwnedFd) -> Result<i32, Error> {
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(process.pidfd.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::io("waiting for the process")(errno)),
        }
        pass_on(process, signals)?;
        if let Some(exit) = process.try_wait()? {
            return Ok(exit.code());
        }
    }
}

/// Keys of a terminal reach a process of our own session by themselves.
fn pass_on(process: &Process, signals: &OwnedFd) -> Result<(), Error> {
    let is_of_our_session = session(Some(process.pid)).ok() == session(None).ok();
    while let Some(info) = read_signal(signals).map_err(Error::io("reading signals"))? {
        let reached_it = info.by_kernel && is_of_our_session;
        if let Some(signal) = signal(info.signal).filter(|_| !reached_it) {
            // A process that has just ended needs no signal.
            let _ = pidfd_send_signal(&process.pidfd, signal);
        }
    }
    Ok(())
}
