//! What can go wrong while attached.

use rustix::io::Errno;

/// A failed attachment; the container itself may go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A call on one of the streams, or on the terminal.
    #[error("{operation}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The kernel's reason.
        #[source]
        errno: Errno,
    },
    /// The monitor says that the container could not be started.
    #[error("{message}")]
    NotStarted {
        /// What `run` is to exit with.
        exit_code: i32,
        /// The monitor's words.
        message: String,
    },
    /// The monitor is gone without saying how the container ended.
    #[error("the container's monitor hung up")]
    HungUp,
    /// What came from the monitor makes no sense.
    #[error(transparent)]
    Monitor(#[from] monitor::Error),
    /// Waiting for the process.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
}

impl Error {
    pub(super) fn io(operation: &'static str) -> impl Fn(Errno) -> Error + Copy {
        move |errno| Error::Io { operation, errno }
    }
}
