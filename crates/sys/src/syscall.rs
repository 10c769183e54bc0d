//! The way from libc's return values to results. Nothing else.

use std::os::fd::{FromRawFd, OwnedFd};

use rustix::io::Errno;

use crate::Result;

/// The errno of the call that just failed.
pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Turns −1 into the errno.
pub(crate) fn check(returned: libc::c_long) -> Result<libc::c_long> {
    if returned == -1 {
        Err(last_errno())
    } else {
        Ok(returned)
    }
}

/// Takes ownership of the fd that a successful call returned.
pub(crate) fn owned(returned: libc::c_long) -> Result<OwnedFd> {
    let fd = i32::try_from(check(returned)?).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel just returned this fd to us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
