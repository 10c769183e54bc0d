//! File descriptors: closing all others at execve, and passing them over sockets.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::Result;
use crate::syscall::check;

/// The most fds that one message carries (the kernel's limit).
pub const MOST_FDS: usize = 253;

/// Marks every fd from `first` on to be closed at execve.
///
/// # Errors
/// `ENOSYS` before Linux 5.11.
pub fn close_range_cloexec(first: u32) -> Result<()> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: with this flag nothing is closed now, only a flag of the fds is set.
    let returned =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    check(returned).map(|_| ())
}

/// Closes every fd from `first` on but those of `kept`, whoever owns them.
///
/// # Errors
/// `ENOSYS` before Linux 5.9.
///
/// The caller must be about to execute a program or to exit, without dropping an owner of an fd that
/// is closed here: only a container's init is so.
pub fn close_all_but(first: u32, kept: &[BorrowedFd<'_>]) -> Result<()> {
    let mut kept: Vec<u32> = kept
        .iter()
        .map(|fd| fd.as_raw_fd().cast_unsigned())
        .collect();
    kept.sort_unstable();
    let mut next = first;
    for fd in kept.into_iter().filter(|fd| *fd >= first) {
        close_range(next, fd.saturating_sub(1))?;
        next = fd + 1;
    }
    close_range(next, u32::MAX)
}

fn close_range(first: u32, last: u32) -> Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: No memory is passed. Owners of these fds use them no more: the callers' contract.
    let returned = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    check(returned).map(|_| ())
}

/// Closes the fds from `first` on that this process was started with: those that would survive an
/// `execve`, since whatever this program opens itself would not.
///
/// # Errors
/// When /proc is not mounted.
pub fn close_inherited(first: i32) -> Result<()> {
    for number in crate::proc::open_fds()? {
        // SAFETY: F_GETFD reads a flag; a number that is no fd any more is answered with EBADF.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        if number >= first && flags != -1 && flags & libc::FD_CLOEXEC == 0 {
            // SAFETY: nothing in this process owns an fd without the flag.
            unsafe { libc::close(number) };
        }
    }
    Ok(())
}

/// Takes an fd that this process was started with, and marks it to be closed at execve. Each
/// number may be taken once, before anything else is opened.
///
/// # Errors
/// `EBADF` when there is none of this number.
pub fn inherited(number: i32) -> Result<OwnedFd> {
    // SAFETY: F_SETFD takes integers; a number that is no fd is answered with EBADF.
    let returned = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    check(libc::c_long::from(returned))?;
    // SAFETY: The fd is open, and nothing in this process owns it: it came with the process, and
    // the caller takes each number once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Sends one packet with fds beside it; a closed peer is `EPIPE`, never a signal.
///
/// # Errors
/// `E2BIG` for more than [`MOST_FDS`] fds, or the kernel's.
pub fn send_with_fds(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> Result<usize> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::TOOBIG);
    }
    loop {
        match sendmsg(
            socket,
            &[IoSlice::new(bytes)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        ) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Receives one packet and the fds beside it, which are closed at execve; zero bytes mean that
/// the peer is gone.
///
/// # Errors
/// `EMSGSIZE` for a packet larger than `bytes`, or the kernel's.
pub fn receive_with_fds(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<(usize, Vec<OwnedFd>)> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut slices = [IoSliceMut::new(bytes)];
        match recvmsg(socket, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    let fds = ancillary
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    if received.flags.contains(ReturnFlags::TRUNC) {
        return Err(Errno::MSGSIZE);
    }
    Ok((received.bytes, fds))
}
