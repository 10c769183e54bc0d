//! Why a layer could not be unpacked.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::tar::{Malformed, ReadError};

/// A failed unpacking: what was being done to which member.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The archive is wrong.
    #[error("reading the layer's archive")]
    Archive(#[from] Malformed),
    /// The stream that holds it failed.
    #[error("reading the layer")]
    Stream(#[source] std::io::Error),
    /// A member's name leads out of the layer.
    #[error("the layer's member {} leads out of it", .0.display())]
    Outside(PathBuf),
    /// A member that layers may not have.
    #[error("the layer's member {} is {what}, which a layer may not have", .path.display())]
    Forbidden {
        /// Its name.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// An extended attribute that layers may not set.
    #[error("the layer's member {} has the extended attribute {name}, which is refused", .path.display())]
    Attribute {
        /// Its name.
        path: PathBuf,
        /// The attribute's.
        name: String,
    },
    /// More members than are allowed.
    #[error("the layer has more than {0} members")]
    TooMany(u64),
    /// The kernel refused an operation.
    #[error("{operation} {} of the layer", .path.display())]
    Member {
        /// What was being done, as `making`.
        operation: &'static str,
        /// To which member.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// A device, for which an ordinary user has no right.
    #[error("making the device {} of the layer needs root (CAP_MKNOD)", .0.display())]
    DeviceNeedsRoot(PathBuf),
}

/// The kernel's refusal of an operation on a member.
pub(super) fn failed(operation: &'static str, path: &Path, errno: Errno) -> Error {
    Error::Member {
        operation,
        path: path.to_owned(),
        source: errno.into(),
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Stream(error) => Self::Stream(error),
            ReadError::Malformed(malformed) => Self::Archive(malformed),
        }
    }
}
