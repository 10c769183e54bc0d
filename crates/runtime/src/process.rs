//! A process that the runtime started: how to wait for it and how it ended.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_send_signal};

use crate::error::Error;

/// A running child of the calling process.
#[derive(Debug)]
pub struct Process {
    /// Its id in the caller's pid namespace.
    pub pid: Pid,
    /// A handle that never means another process.
    pub pidfd: OwnedFd,
    /// The master of its pseudo terminal, when it has one.
    pub terminal: Option<OwnedFd>,
    /// What its mounts were made from: kept open because closing would cost the time of whoever
    /// waits for the start.
    pub sources: Vec<OwnedFd>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// The exit code as shells and Docker count it: 128 + n for signal n.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

impl Process {
    /// Waits for the end and reaps the process.
    ///
    /// # Errors
    /// When the process is not a child of the caller, or was reaped already.
    pub fn wait(&self) -> Result<Exit, Error> {
        loop {
            if let Some(exit) = self.wait_with(WaitIdOptions::EXITED)? {
                return Ok(exit);
            }
        }
    }

    /// Reaps the process if it has ended.
    ///
    /// # Errors
    /// As [`Process::wait`].
    pub fn try_wait(&self) -> Result<Option<Exit>, Error> {
        self.wait_with(WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
    }

    /// Kills and reaps it; one that has ended already is as good.
    pub(crate) fn end(&self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        let _ = self.wait();
    }

    fn wait_with(&self, options: WaitIdOptions) -> Result<Option<Exit>, Error> {
        use std::os::fd::AsFd;
        match rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
            Ok(status) => Ok(status.as_ref().and_then(exit_of)),
            Err(Errno::INTR) => Ok(None),
            Err(errno) => Err(Error::parent(
                format!("waiting for process {}", self.pid.as_raw_pid()),
                errno,
            )),
        }
    }
}

fn exit_of(status: &WaitIdStatus) -> Option<Exit> {
    status
        .exit_status()
        .map(Exit::Code)
        .or_else(|| status.terminating_signal().map(Exit::Signal))
}
