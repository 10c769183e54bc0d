//! The loopback device of a network namespace.

use std::os::fd::AsRawFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::Result;
use crate::syscall::check;

/// `struct ifreq` with flags.
#[repr(C)]
struct InterfaceFlags {
    name: [u8; libc::IFNAMSIZ],
    flags: libc::c_short,
    rest: [u8; 22],
}

/// Brings `lo` up in the calling thread's network namespace.
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN` in the user namespace that owns it.
pub fn bring_up() -> Result<()> {
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut name = [0u8; libc::IFNAMSIZ];
    name[..2].copy_from_slice(b"lo");
    let flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
    let request = InterfaceFlags {
        name,
        flags,
        rest: [0; 22],
    };
    // SAFETY: request has the size and shape of struct ifreq, which this ioctl only reads.
    check(libc::c_long::from(unsafe {
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request)
    }))
    .map(|_| ())
}
