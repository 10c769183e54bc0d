//! The standard streams that a container's process is given.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Where standard input, output and error come from.
#[derive(Debug)]
pub enum Stdio {
    /// The caller's own.
    Inherit,
    /// These three.
    Fds {
        /// Read by the process.
        stdin: OwnedFd,
        /// Written by the process.
        stdout: OwnedFd,
        /// Written by the process.
        stderr: OwnedFd,
    },
    /// A pseudo terminal of the container, whose master the caller gets.
    Terminal,
    /// The same, for a caller that carries its bytes to another terminal: that one makes lines of
    /// line feeds.
    RelayedTerminal,
}

impl Stdio {
    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal | Self::RelayedTerminal)
    }

    /// Standard input, output and error; of a terminal they are not yet what they will be.
    pub(crate) fn streams(&self) -> [BorrowedFd<'_>; 3] {
        match self {
            Self::Fds {
                stdin,
                stdout,
                stderr,
            } => [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()],
            Self::Inherit | Self::Terminal | Self::RelayedTerminal => [
                rustix::stdio::stdin(),
                rustix::stdio::stdout(),
                rustix::stdio::stderr(),
            ],
        }
    }
}
