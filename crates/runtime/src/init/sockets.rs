//! Sockets in the network of a process, for whoever stays out of it: they are opened by a child that
//! lives only for that.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open, stat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, socketpair};
use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sys::clone::{Clone, clone3};
use sys::fds::{receive_with_fds, send_with_fds};

/// Opens a stream socket for each address in the network of a process: non-blocking, in their
/// order. The caller must have a single thread.
///
/// # Errors
/// `EPERM` without rights over that network, or the kernel's.
pub fn sockets_in_network(pid: Pid, addresses: &[SocketAddr]) -> Result<Vec<OwnedFd>, Errno> {
    if is_in_network(pid)? {
        return addresses.iter().map(socket_for).collect();
    }
    let flags = SocketFlags::CLOEXEC;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    let child = clone3(&Clone::default(), || {
        // The parent hears of a failure by hearing nothing.
        let _ = enter_network(pid).and_then(|()| hand_over(addresses, &theirs));
    })?;
    drop(theirs);
    let received = receive_with_fds(ours.as_fd(), &mut [0; 1]);
    let _ = waitpid(Some(child.pid), WaitOptions::empty());
    match received? {
        (_, sockets) if sockets.len() == addresses.len() => Ok(sockets),
        _ => Err(Errno::PERM),
    }
}

fn hand_over(addresses: &[SocketAddr], to: &OwnedFd) -> Result<(), Errno> {
    let sockets: Vec<OwnedFd> = addresses.iter().map(socket_for).collect::<Result<_, _>>()?;
    let fds: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
    send_with_fds(to.as_fd(), &[0], &fds).map(drop)
}

fn socket_for(address: &SocketAddr) -> Result<OwnedFd, Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let open = |family| {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socket_with(family, SocketType::STREAM, flags, None)
    };
    match open(family) {
        // A kernel without IPv6: one that refuses such an address keeps the place.
        Err(Errno::AFNOSUPPORT) => open(AddressFamily::INET),
        opened => opened,
    }
}

/// Whether a process has our network.
fn is_in_network(pid: Pid) -> Result<bool, Errno> {
    let of = |process: &str| stat(format!("/proc/{process}/ns/net")).map(|it| it.st_ino);
    Ok(of("self")? == of(&pid.as_raw_pid().to_string())?)
}

/// Moves this process into the network of another one.
fn enter_network(pid: Pid) -> Result<(), Errno> {
    let enter = |kind: &str, link| {
        let path = format!("/proc/{}/ns/{kind}", pid.as_raw_pid());
        let namespace = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        move_into_link_name_space(namespace.as_fd(), Some(link))
    };
    if !rustix::process::geteuid().is_root() {
        // Rights over the network come with its user namespace.
        enter("user", LinkNameSpaceType::User)?;
    }
    enter("net", LinkNameSpaceType::Network)
}
