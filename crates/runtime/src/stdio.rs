//! The standard streams that a container's process is given.

use std::os::fd::OwnedFd;

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
