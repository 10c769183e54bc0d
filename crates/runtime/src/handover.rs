//! Handing a descriptor to whoever listens on a unix socket that the caller named: the master of a
//! terminal (`--console-socket`), a handle of the process (`--pidfd-socket`).

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

use crate::error::{Doing, Fault};
use crate::process::Process;

/// Hands out what of a process was asked for.
pub(crate) fn hand_out(
    process: &Process,
    console_socket: Option<&Path>,
    pidfd_socket: Option<&Path>,
) -> Result<(), Fault> {
    if let (Some(socket), Some(master)) = (console_socket, &process.terminal) {
        // The name is the one that runc sends.
        send_fd(socket, "/dev/ptmx", master.as_fd())?;
    }
    pidfd_socket.map_or(Ok(()), |socket| {
        send_fd(socket, "pidfd", process.pidfd.as_fd())
    })
}

/// Sends one message to the listener at `socket`: `name`, with `fd` beside it.
fn send_fd(socket: &Path, name: &str, fd: BorrowedFd<'_>) -> Result<(), Fault> {
    let clause = || format!("handing {name} to {}", socket.display());
    let connection = connect(socket)?;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    let bytes = [IoSlice::new(name.as_bytes())];
    rustix::net::sendmsg(&connection, &bytes, &mut ancillary, SendFlags::NOSIGNAL)
        .doing(clause)
        .map(|_| ())
}

fn connect(socket: &Path) -> Result<OwnedFd, Fault> {
    let clause = || format!("connecting to {}", socket.display());
    let address = SocketAddrUnix::new(socket).doing(clause)?;
    let connection = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .doing(clause)?;
    rustix::net::connect(&connection, &address).doing(clause)?;
    Ok(connection)
}
