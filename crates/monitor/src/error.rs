//! What can go wrong in a monitor and in talking to one.

use std::path::PathBuf;

use rustix::io::Errno;

/// An operation of the monitor that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A frame of a kind this version does not know.
    #[error("frame of unknown kind {kind}")]
    UnknownFrame {
        /// The frame's first byte.
        kind: u8,
    },
    /// A frame whose fields are not those of its kind.
    #[error("malformed frame of kind {kind} with {len} bytes")]
    MalformedFrame {
        /// The frame's first byte.
        kind: u8,
        /// Bytes after the kind.
        len: usize,
    },
    /// A packet longer than any frame.
    #[error("frame of {len} bytes is longer than any")]
    OversizedFrame {
        /// Bytes in the packet.
        len: usize,
    },
    /// Receiving from the other end.
    #[error("receiving a frame")]
    Receive(#[source] Errno),
    /// Making the attach socket.
    #[error("listening on {}", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// The kernel's reason.
        #[source]
        errno: Errno,
    },
    /// Reaching a monitor.
    #[error("connecting to {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The kernel's reason; `NOENT` or `CONNREFUSED` when no monitor is there.
        #[source]
        errno: Errno,
    },
    /// Opening, writing or rotating the container's log.
    #[error("{operation} log {}", path.display())]
    Log {
        /// What was tried: "opening", "writing", "rotating".
        operation: &'static str,
        /// The log file.
        path: PathBuf,
        /// The kernel's reason.
        #[source]
        errno: Errno,
    },
    /// Setting the monitor itself up, or a call of its loop.
    #[error("monitor: {operation}")]
    Monitor {
        /// The system call or its purpose.
        operation: &'static str,
        /// The kernel's reason.
        #[source]
        errno: Errno,
    },
    /// Reading or writing a document.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Making, starting, waiting for or deleting the container.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
}

impl Error {
    /// The exit code that `run` gives for this: 127 no such program, 126 not executable, 125
    /// anything else.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Error::Runtime(error) => error.exit_code(),
            _ => 125,
        }
    }
}
