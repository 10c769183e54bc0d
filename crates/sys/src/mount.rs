//! mount_setattr(2), which rustix lacks.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountPropagationFlags};

use crate::Result;
use crate::syscall::check;

/// What to change on a mount.
#[derive(Debug, Clone, Copy)]
pub struct MountAttr<'a> {
    /// Attributes to set.
    pub set: MountAttrFlags,
    /// Attributes to clear, before the others are set.
    pub clear: MountAttrFlags,
    /// The propagation type, or nothing to keep it.
    pub propagation: MountPropagationFlags,
    /// With `MOUNT_ATTR_IDMAP`: the user namespace whose ids the mount shows.
    pub userns_fd: Option<BorrowedFd<'a>>,
}

impl Default for MountAttr<'_> {
    fn default() -> Self {
        Self {
            set: MountAttrFlags::empty(),
            clear: MountAttrFlags::empty(),
            propagation: MountPropagationFlags::empty(),
            userns_fd: None,
        }
    }
}

/// `struct mount_attr` of the kernel.
#[repr(C)]
struct RawMountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Changes the mount that `fd` refers to, and all below it when `recursive`.
///
/// # Errors
/// The kernel's: `EINVAL` when the file system cannot be id-mapped, `EPERM` without the right.
pub fn mount_setattr(fd: BorrowedFd<'_>, attr: &MountAttr<'_>, recursive: bool) -> Result<()> {
    let userns_fd = attr
        .userns_fd
        .map_or(Ok(0), |fd| u64::try_from(fd.as_raw_fd()));
    let raw = RawMountAttr {
        attr_set: u64::from(attr.set.bits()),
        attr_clr: u64::from(attr.clear.bits()),
        propagation: u64::from(attr.propagation.bits()),
        userns_fd: userns_fd.map_err(|_| Errno::BADF)?,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a static string, raw a valid mount_attr of the given size, and both
    // fds are open for the duration of the call by their types.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const raw,
            size_of::<RawMountAttr>(),
        )
    };
    check(returned).map(|_| ())
}
