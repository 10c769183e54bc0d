//! What can go wrong with files.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// A failed operation on a file: what was being done to which, and why not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused an operation.
    #[error("{operation} {}", .path.display())]
    Io {
        /// What was being done, as `writing`.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// A file is not the document it should be.
    #[error("{} is damaged", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// A prefix means more than one object.
    #[error("{prefix:?} is the beginning of more than one id")]
    Ambiguous {
        /// What was looked up.
        prefix: String,
    },
}

impl Error {
    /// An operation on `path` that the kernel refused.
    pub fn io(operation: &'static str, path: &Path, source: impl Into<std::io::Error>) -> Self {
        Self::Io {
            operation,
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// The kernel's answer, if it was one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Io { source, .. } => Errno::from_io_error(source),
            Self::Damaged { .. } | Self::Ambiguous { .. } => None,
        }
    }
}
