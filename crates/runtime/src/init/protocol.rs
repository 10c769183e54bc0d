//! The conversation between the parent and the container's init, over one SEQPACKET pair. One
//! message is one packet; file descriptors travel beside it.
//!
//! ```text
//!   parent                         init
//!     │── Go ───────────────────────▶│  the id maps are written
//!     │── Mounts (fds) ─────────────▶│  mounts that need the host's rights, in the plan's order
//!     │◀──────────── RunHooks ───────│  only when there are hooks; the mounts stand
//!     │── HooksDone ────────────────▶│
//!     │◀──────────── Terminal (fd) ──│  only with a terminal: the master of the pty
//!     │◀──────────── Listener (fd) ──│  only with a filter that asks somebody
//!     │◀──────────── Ready ──────────│  everything but the program is in place
//!     │── Start ────────────────────▶│  or, after `create`, a byte in the fifo
//!     │◀──────────── (end of file) ──│  execve closed the socket: the program runs
//! ```
//!
//! At any point init may send `Failed` instead of what was expected; it then ends. If the parent
//! dies, init reads the end of the file and ends too.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use super::Step;
use crate::error::Fault;

/// The largest packet: a failure with its clause, which may name a path or two.
const LARGEST: usize = 4096;

/// What the parent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FromParent {
    Go = 1,
    Mounts = 2,
    HooksDone = 3,
    Start = 4,
}

/// What init says.
#[derive(Debug)]
pub(crate) enum FromInit {
    RunHooks,
    Terminal(OwnedFd),
    Listener(OwnedFd),
    Ready,
    Failed {
        step: Step,
        fault: Fault,
    },
    /// The socket was closed without a word: the program runs, or init was killed.
    Closed,
}

/// Makes the pair: the parent's end and init's end.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    rustix::net::socketpair(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::SEQPACKET,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
}

/// Sends one of the parent's messages.
pub(crate) fn tell_init(
    socket: impl AsFd,
    message: FromParent,
    fds: &[BorrowedFd<'_>],
) -> Result<(), Errno> {
    sys::fds::send_with_fds(socket.as_fd(), &[message as u8], fds).map(|_| ())
}

/// Waits in init for the message `expected`; anything else, or the parent's end, is an error.
pub(crate) fn expect_from_parent(
    socket: impl AsFd,
    expected: FromParent,
) -> Result<Vec<OwnedFd>, Errno> {
    let mut packet = [0u8; 1];
    let (length, fds) = sys::fds::receive_with_fds(socket.as_fd(), &mut packet)?;
    match length {
        0 => Err(Errno::PIPE),
        _ if packet[0] == expected as u8 => Ok(fds),
        _ => Err(Errno::PROTO),
    }
}

/// Sends one of init's messages that carry no failure.
pub(crate) fn tell_parent(socket: impl AsFd, message: &FromInit) -> Result<(), Errno> {
    let (kind, fd): (u8, Option<BorrowedFd<'_>>) = match message {
        FromInit::RunHooks => (1, None),
        FromInit::Terminal(fd) => (2, Some(fd.as_fd())),
        FromInit::Ready => (3, None),
        FromInit::Listener(fd) => (5, Some(fd.as_fd())),
        FromInit::Failed { step, fault } => return tell_failure(socket, *step, fault),
        FromInit::Closed => return Ok(()),
    };
    sys::fds::send_with_fds(socket.as_fd(), &[kind], fd.as_slice()).map(|_| ())
}

/// A failure on the wire: kind 4, step, errno (4 bytes, native), clause.
fn tell_failure(socket: impl AsFd, step: Step, fault: &Fault) -> Result<(), Errno> {
    let mut packet = vec![4u8, step as u8];
    packet.extend_from_slice(&fault.errno.raw_os_error().to_ne_bytes());
    packet.extend_from_slice(fault.doing.as_bytes());
    packet.truncate(LARGEST);
    sys::fds::send_with_fds(socket.as_fd(), &packet, &[]).map(|_| ())
}

/// Waits in the parent for init's next message.
pub(crate) fn hear_init(socket: impl AsFd) -> Result<FromInit, Errno> {
    let mut packet = [0u8; LARGEST];
    let mut hear = || sys::fds::receive_with_fds(socket.as_fd(), &mut packet);
    let heard = match hear() {
        // Init ended without reading all that it was told. The kernel says so once, before what init
        // said itself.
        Err(Errno::CONNRESET) => hear(),
        other => other,
    };
    let (length, fds) = match heard {
        Err(Errno::CONNRESET) => return Ok(FromInit::Closed),
        other => other?,
    };
    let mut fds = fds.into_iter();
    match (packet.get(..length), fds.next()) {
        (Some([]), _) => Ok(FromInit::Closed),
        (Some([1]), None) => Ok(FromInit::RunHooks),
        (Some([2]), Some(fd)) => Ok(FromInit::Terminal(fd)),
        (Some([3]), None) => Ok(FromInit::Ready),
        (Some([5]), Some(fd)) => Ok(FromInit::Listener(fd)),
        (Some([4, step, e0, e1, e2, e3, clause @ ..]), None) => {
            let step = Step::from_wire(*step).ok_or(Errno::PROTO)?;
            let errno = Errno::from_raw_os_error(i32::from_ne_bytes([*e0, *e1, *e2, *e3]));
            let doing = String::from_utf8_lossy(clause).into_owned();
            Ok(FromInit::Failed {
                step,
                fault: Fault { doing, errno },
            })
        }
        _ => Err(Errno::PROTO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_an_init_that_did_not_listen_are_heard() {
        let (parent, init) = pair().unwrap();
        tell_init(&parent, FromParent::Mounts, &[]).unwrap();
        let fault = Fault::new("mounting", Errno::NOENT);
        let step = Step::RootFs;
        tell_parent(&init, &FromInit::Failed { step, fault }).unwrap();
        drop(init);
        let heard = hear_init(&parent).unwrap();
        assert!(matches!(heard, FromInit::Failed { .. }), "{heard:?}");
        assert!(matches!(hear_init(&parent).unwrap(), FromInit::Closed));
    }
}
