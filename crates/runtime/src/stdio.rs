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
}

impl Stdio {
    /// Standard input, output and error; of a terminal they are not yet what they will be.
    pub(crate) fn streams(&self) -> [BorrowedFd<'_>; 3] {
        match self {
            Self::Fds {
                stdin,
                stdout,
                stderr,
            } => [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()],
            Self::Inherit | Self::Terminal => [
                rustix::stdio::stdin(),
                rustix::stdio::stdout(),
                rustix::stdio::stderr(),
            ],
        }
    }
}
