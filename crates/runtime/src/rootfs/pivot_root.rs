//! The change of the root: one reason per call.
//!
//! Source: pivot_root(2), `pivot_root(".", ".")`.

use std::os::fd::BorrowedFd;

use rustix::mount::{MountPropagationFlags as Propagation, UnmountFlags, mount_change, unmount};

use crate::error::{Doing, Fault};

/// Makes the mount that `root` refers to the root of the mount namespace and lets go of the old
/// one, so that nothing of the host can be reached by a path.
pub(crate) fn pivot_root(root: BorrowedFd<'_>) -> Result<(), Fault> {
    rustix::process::fchdir(root).doing(|| "entering the new root".to_owned())?;
    // With both arguments the same directory, the old root is stacked on the new one, and no
    // directory for it is needed inside the image.
    rustix::process::pivot_root(".", ".").doing(|| "changing the root".to_owned())?;
    // Unmounting must not travel back to the host.
    mount_change(".", Propagation::DOWNSTREAM | Propagation::REC)
        .doing(|| "cutting the old root's propagation".to_owned())?;
    // The old root is busy with the host's files: detaching is all that is possible and needed.
    unmount(".", UnmountFlags::DETACH).doing(|| "letting go of the old root".to_owned())?;
    // The working directory still is the old place.
    rustix::process::chdir("/").doing(|| "entering the root".to_owned())
}

/// The other way, for `--no-pivot` and for a root that cannot be pivoted (an initramfs): the new
/// root is moved over the old one and entered. It is weaker, since the old root stays mounted
/// below; all that protects it is that no path leads there.
pub(crate) fn move_root(root: BorrowedFd<'_>) -> Result<(), Fault> {
    rustix::process::fchdir(root).doing(|| "entering the new root".to_owned())?;
    rustix::process::chroot(".").doing(|| "changing the root by chroot".to_owned())?;
    rustix::process::chdir("/").doing(|| "entering the root".to_owned())
}
