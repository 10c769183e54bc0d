//! The name of a monitor's socket, and both ends of finding it. What is said there is in
//! `protocol.rs`.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open, unlink};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect as connect_to, listen,
    socket_with,
};

use crate::Error;

/// The socket in a container's run directory.
const NAME: &str = "attach.sock";

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 64;

/// Makes the socket in `run_directory`, non-blocking, for the owner of the directory alone. A
/// socket that an earlier monitor left there is replaced: whoever holds the container's lock
/// calls this.
pub(crate) fn bind_in(run_directory: &Path) -> Result<OwnedFd, Error> {
    let path = run_directory.join(NAME);
    let make = || {
        match unlink(&path) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        let socket = new(SocketFlags::NONBLOCK)?;
        with_short_address(run_directory, |address| bind(&socket, address))?;
        listen(&socket, BACKLOG)?;
        Ok(socket)
    };
    make().map_err(|errno| Error::Listen {
        path: path.clone(),
        errno,
    })
}

/// Connects to the monitor of the container with this run directory. The socket is blocking for
/// receiving; frames are always sent without waiting.
///
/// # Errors
/// [`Error::Connect`]; `NOENT` and `CONNREFUSED` mean that no monitor is there (any more).
pub fn connect(run_directory: &Path) -> Result<OwnedFd, Error> {
    let reach = || {
        let socket = new(SocketFlags::empty())?;
        with_short_address(run_directory, |address| connect_to(&socket, address))?;
        Ok(socket)
    };
    reach().map_err(|errno| Error::Connect {
        path: run_directory.join(NAME),
        errno,
    })
}

fn new(flags: SocketFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | SocketFlags::CLOEXEC;
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
}

/// A socket's address holds 108 bytes (unix(7)), fewer than a rootless run directory with a
/// 64-digit id may have: it is named relative to the open directory.
fn with_short_address(
    directory: &Path,
    call: impl FnOnce(&SocketAddrUnix) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = open(directory, flags, Mode::empty())?;
    let name = format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd());
    call(&SocketAddrUnix::new(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_directory_longer_than_a_socket_address_works() {
        let scratch = tempfile::Builder::new()
            .prefix("wharf-monitor-")
            .tempdir()
            .unwrap();
        let deep = scratch.path().join("d".repeat(200));
        std::fs::create_dir(&deep).unwrap();
        let _listener = bind_in(&deep).unwrap();
        connect(&deep).unwrap();
    }

    #[test]
    fn a_socket_left_behind_is_replaced() {
        let scratch = tempfile::Builder::new()
            .prefix("wharf-monitor-")
            .tempdir()
            .unwrap();
        drop(bind_in(scratch.path()).unwrap());
        let refused = connect(scratch.path()).unwrap_err();
        assert!(matches!(
            refused,
            Error::Connect {
                errno: Errno::CONNREFUSED,
                ..
            }
        ));
        let _listener = bind_in(scratch.path()).unwrap();
        connect(scratch.path()).unwrap();
        unlink(scratch.path().join(NAME)).unwrap();
        let missing = connect(scratch.path()).unwrap_err();
        assert!(matches!(
            missing,
            Error::Connect {
                errno: Errno::NOENT,
                ..
            }
        ));
    }
}
