//! The sockets on which the server is asked. They are made by whoever starts it, so that questions
//! wait in them from then on.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind as bind_to, listen, socket_with, sockopt,
};

/// The port of DNS.
pub(crate) const PORT: u16 = 53;

/// Room for questions that wait, in bytes; a small one takes less than 1 KiB.
const WAITING: usize = 8 << 20;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// Makes the two sockets of an address, for datagrams and for connections. `early` is for an
/// address that the machine is about to get.
///
/// # Errors
/// The kernel's: `EADDRINUSE` when another server has the port.
pub fn bind(address: IpAddr, early: bool) -> Result<[OwnedFd; 2], Errno> {
    let [datagrams, connections] = [SocketType::DGRAM, SocketType::STREAM].map(|kind| {
        let family = match address {
            IpAddr::V4(_) => AddressFamily::INET,
            IpAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, kind, flags, None)?;
        match address {
            IpAddr::V4(_) => sockopt::set_ip_freebind(&socket, early)?,
            IpAddr::V6(_) => {
                sockopt::set_ipv6_v6only(&socket, true)?;
                sockopt::set_ipv6_freebind(&socket, early)?;
            }
        }
        if kind == SocketType::STREAM {
            // Connections of one that was killed may still be waited for.
            sockopt::set_socket_reuseaddr(&socket, true)?;
        }
        bind_to(&socket, &SocketAddr::new(address, PORT))?;
        Ok::<OwnedFd, Errno>(socket)
    });
    let (datagrams, connections) = (datagrams?, connections?);
    // The kernel gives no more than it likes to whoever may not ask for it.
    let _ = sockopt::set_socket_recv_buffer_size_force(&datagrams, WAITING);
    listen(&connections, BACKLOG)?;
    Ok([datagrams, connections])
}

/// What a socket carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Datagrams.
    Datagrams,
    /// Connections.
    Connections,
}

/// What one of these sockets carries.
pub(crate) fn sort(socket: impl AsFd) -> Result<Sort, Errno> {
    match sockopt::socket_type(socket)? {
        SocketType::DGRAM => Ok(Sort::Datagrams),
        _ => Ok(Sort::Connections),
    }
}
