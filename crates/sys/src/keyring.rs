//! Session keyrings: what a process' programs find keys in.
//!
//! Source: keyctl(2), session-keyring(7).

use std::ffi::CStr;

use rustix::io::Errno;

use crate::Result;
use crate::syscall::check;

const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
const KEYCTL_SETPERM: libc::c_int = 5;

/// The possessor may do everything; the owner may see it and find it by its name.
const PERMISSIONS: u32 = 0x3F00_0000 | 0x0001_0000 | 0x0008_0000;

/// Gives the calling process the session keyring of this name, a new one unless one is there that it
/// may search.
///
/// # Errors
/// `ENOSYS` of a kernel without keys, `EDQUOT` when the user has too many.
pub fn join_session(name: &CStr) -> Result<()> {
    // SAFETY: name is null-terminated and lives until the call returns.
    let keyring = check(unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr())
    })?;
    // SAFETY: only integers are passed.
    match check(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_SETPERM, keyring, PERMISSIONS) }) {
        // One that is there already may be somebody else's.
        Ok(_) | Err(Errno::ACCESS) => Ok(()),
        Err(errno) => Err(errno),
    }
}
