//! unshare(2) for namespaces.

use rustix::thread::UnshareFlags;

use crate::Result;
use crate::clone::Namespaces;

/// Gives the calling thread new namespaces.
///
/// # Errors
/// The kernel's: `EINVAL` in a threaded process for user namespaces, `EPERM` without the right.
pub fn unshare(namespaces: Namespaces) -> Result<()> {
    let bits = u32::try_from(namespaces.bits()).map_err(|_| rustix::io::Errno::INVAL)?;
    let flags = UnshareFlags::from_bits_retain(bits);
    // SAFETY: Namespaces has no FILES flag, the one that could take fds away from other threads.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}
