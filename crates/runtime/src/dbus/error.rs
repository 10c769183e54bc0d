//! What can go wrong on a bus.

/// A failed conversation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bus could not be reached, or the connection broke.
    #[error("{operation} the bus at {address}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// Where.
        address: String,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// The address cannot be understood.
    #[error("{address:?} is not the address of a bus with a unix socket")]
    Address {
        /// The address.
        address: String,
    },
    /// The other side broke the rules of D-Bus.
    #[error("the bus at {address} {why}")]
    Protocol {
        /// Where.
        address: String,
        /// What it did.
        why: &'static str,
    },
    /// The answer to a call was an error.
    #[error("{message} ({name})")]
    Refused {
        /// The error's name, `org.freedesktop.systemd1.NoSuchUnit` for example.
        name: String,
        /// Its words.
        message: String,
    },
}

impl Error {
    /// Whether the answer was the error with this name.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { name, .. } if name == wanted)
    }
}
