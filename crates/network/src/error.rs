//! What can go wrong with a network: what was being done to which object, with the kernel's answer
//! as the source.

use std::net::IpAddr;

use rustix::io::Errno;

use crate::ports::Port;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused something.
    #[error("{doing}")]
    Kernel {
        /// A clause such as `making the bridge wb0`.
        doing: String,
        /// Its answer.
        #[source]
        source: std::io::Error,
    },
    /// All addresses of a network are taken.
    #[error("no free address is left in {range}")]
    Exhausted {
        /// Where addresses come from.
        range: String,
    },
    /// Somebody has the address that was asked for.
    #[error("the address {address} is in use by {owner}")]
    AddressTaken {
        /// The address.
        address: IpAddr,
        /// Who has it: an id, or what the address is for.
        owner: String,
    },
    /// An address that the network does not have.
    #[error("the address {address} is not one that a device in {subnet} can have")]
    OutOfRange {
        /// The address.
        address: IpAddr,
        /// The network's subnets of its family.
        subnet: String,
    },
    /// Somebody has a port that shall be published.
    #[error("publishing {port}: the port is in use by {}", holder.as_deref().unwrap_or("another process"))]
    PortTaken {
        /// The port.
        port: Port,
        /// Who has it, if that is known.
        holder: Option<String>,
    },
    /// A lease could not be kept or read.
    #[error("keeping the leases")]
    Store(#[from] store::Error),
}

impl Error {
    /// The kernel's answer, if it was the kernel.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Kernel { source, .. } => Errno::from_io_error(source),
            Self::Store(error) => error.errno(),
            _ => None,
        }
    }
}

/// Adds what was being done to the kernel's answer.
pub(crate) trait Doing<T> {
    /// The clause is only built on failure.
    fn doing(self, clause: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<std::io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, clause: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| Error::Kernel {
            doing: clause(),
            source: error.into(),
        })
    }
}
