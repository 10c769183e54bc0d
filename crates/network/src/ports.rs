//! Published ports: which there are, and holding them. A port is held by a socket that is bound and
//! does nothing else, in the process beside the container: nobody else on the machine can have it,
//! the kernel chooses one where any will do, and it is free when that process is gone. No packet
//! comes to the socket: the firewall sends them on before.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, ipproto, socket_with,
};
use serde::{Deserialize, Serialize};

use crate::error::{Doing, Error};
use crate::holder::holder;

/// What speaks on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// `tcp`, `udp` or `sctp`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "sctp" => Some(Self::Sctp),
            _ => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// A published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// What speaks on it.
    pub protocol: Protocol,
    /// The machine's address; the unspecified one is all of its family.
    pub host: IpAddr,
    /// The machine's port; 0 until the kernel has chosen one.
    pub host_port: u16,
    /// The container's port.
    pub port: u16,
}

impl Port {
    /// From where it can be reached, as far as the machine's own rules let it.
    pub fn reached_from(&self) -> String {
        match self.host {
            host if host.is_loopback() => "this machine alone".to_owned(),
            host if host.is_unspecified() => "everywhere".to_owned(),
            host => format!("wherever {host} can be reached from"),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = SocketAddr::new(self.host, self.host_port);
        write!(f, "{host}->{}/{}", self.port, self.protocol)
    }
}

/// Holds a port, choosing one if it is 0. SCTP is spoken by few kernels themselves; a port of it is
/// then not held, and only the firewall knows of it.
///
/// # Errors
/// When somebody has it, or the address is none of the machine's.
pub fn hold(port: &mut Port) -> Result<Option<OwnedFd>, Error> {
    let clause = |port: Port| move || format!("publishing {port}");
    let (kind, protocol) = match port.protocol {
        Protocol::Tcp => (SocketType::STREAM, ipproto::TCP),
        Protocol::Udp => (SocketType::DGRAM, ipproto::UDP),
        Protocol::Sctp => (SocketType::STREAM, ipproto::SCTP),
    };
    let family = match port.host {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = match socket_with(family, kind, SocketFlags::CLOEXEC, Some(protocol)) {
        Err(Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT) if port.host_port != 0 => {
            return Ok(None);
        }
        socket => socket.doing(clause(*port))?,
    };
    if family == AddressFamily::INET6 {
        set_ipv6_v6only(&socket, true).doing(clause(*port))?;
    }
    match bind(&socket, &SocketAddr::new(port.host, port.host_port)) {
        Err(Errno::ADDRINUSE) => {
            return Err(Error::PortTaken {
                holder: holder(port),
                port: *port,
            });
        }
        bound => bound.doing(clause(*port))?,
    }
    let bound = getsockname(&socket).doing(clause(*port))?;
    let bound = SocketAddr::try_from(bound).doing(clause(*port))?;
    port.host_port = bound.port();
    Ok(Some(socket))
}
