//! Taking on other ids for file access only, with all capabilities kept.
//!
//! Source: setfsuid(2); capabilities(7), "The securebits flags".

use rustix::io::Errno;
use rustix::thread::{
    CapabilitiesSecureBits, capabilities_secure_bits, set_capabilities_secure_bits,
};

use crate::Result;

/// While it lives, the calling thread accesses files as other ids.
#[derive(Debug)]
pub struct FsIds {
    uid: u32,
    gid: u32,
    secure_bits: CapabilitiesSecureBits,
}

impl FsIds {
    /// Takes on `uid` and `gid`, keeping the capabilities that would go with root's ids.
    ///
    /// # Errors
    /// `EPERM` without `CAP_SETUID`, `CAP_SETGID` and `CAP_SETPCAP`.
    pub fn assume(uid: u32, gid: u32) -> Result<Self> {
        let secure_bits = capabilities_secure_bits()?;
        set_capabilities_secure_bits(secure_bits | CapabilitiesSecureBits::NO_SETUID_FIXUP)?;
        // From here on, dropping the guard restores whatever was changed.
        let before = Self {
            uid: set_uid(u32::MAX),
            gid: set_gid(u32::MAX),
            secure_bits,
        };
        set_gid(gid);
        set_uid(uid);
        let changed = set_uid(u32::MAX) == uid && set_gid(u32::MAX) == gid;
        if changed {
            Ok(before)
        } else {
            Err(Errno::PERM)
        }
    }
}

impl Drop for FsIds {
    fn drop(&mut self) {
        set_uid(self.uid);
        set_gid(self.gid);
        // The bit was ours to set, so it is ours to clear; there is nobody to tell.
        let _ = set_capabilities_secure_bits(self.secure_bits);
    }
}

/// Sets the id unless it is the impossible one; gives back the one before.
#[expect(
    clippy::cast_sign_loss,
    reason = "the kernel returns an id in a signed int"
)]
fn set_uid(uid: u32) -> u32 {
    // SAFETY: setfsuid changes only the calling thread's credentials and fails without effect.
    unsafe { libc::setfsuid(uid) as u32 }
}

/// As [`set_uid`], for the group.
#[expect(
    clippy::cast_sign_loss,
    reason = "the kernel returns an id in a signed int"
)]
fn set_gid(gid: u32) -> u32 {
    // SAFETY: as setfsuid.
    unsafe { libc::setfsgid(gid) as u32 }
}
