//! Attaching detached mounts below a root that somebody hostile may own: every target is an fd that
//! the kernel resolved inside the root.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

use super::mounts::Mount;
use crate::error::{Doing, Fault};

impl Mount {
    /// Attaches the mount at its destination.
    pub(crate) fn attach(&self, root: BorrowedFd<'_>, mount: BorrowedFd<'_>) -> Result<(), Fault> {
        if !self.refuses_links() {
            return attach(root, mount, &self.destination);
        }
        let destination = self.destination.display();
        let clause = || {
            let why = "must be mounted on ordinary directory";
            format!("the file system for {destination} {why}, not on a link")
        };
        let target = sys::path::create_dir_all_without_links(root, &self.destination, 0o755);
        attach_at(mount, target.doing(clause)?.as_fd())
            .doing(|| format!("attaching the mount at {destination}"))
    }
}

/// Attaches a detached mount at `destination` below `root`, making the mount point where it is
/// missing: a directory for a directory, an empty file for anything else.
pub(super) fn attach(
    root: BorrowedFd<'_>,
    mount: BorrowedFd<'_>,
    destination: &Path,
) -> Result<(), Fault> {
    let clause = || format!("attaching the mount at {}", destination.display());
    let stat = rustix::fs::fstat(mount).doing(clause)?;
    let target = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        sys::path::create_dir_all_in_root(root, destination, 0o755)
    } else {
        sys::path::create_file_in_root(root, destination, 0o644)
    }
    .doing(|| format!("making the mount point {}", destination.display()))?;
    attach_at(mount, target.as_fd()).doing(clause)
}

/// Attaches a detached mount on what `target` refers to.
pub(crate) fn attach_at(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", target, "", flags)
}

/// What is mounted at `destination` below `root`.
pub(super) fn open(root: BorrowedFd<'_>, destination: &Path) -> Result<OwnedFd, Fault> {
    sys::path::open_in_root(root, destination, OFlags::PATH)
        .doing(|| format!("opening {}", destination.display()))
}

/// A detached clone of the single mount (no mounts below it) that `fd` refers to.
pub(crate) fn clone_of(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(fd, "", flags)
}
