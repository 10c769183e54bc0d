//! The little that a program without a container needs of a root: another directory as `/`, and a
//! /proc that shows its own pid namespace.

use std::path::Path;

use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags as Propagation,
    MoveMountFlags, fsconfig_create, fsmount, fsopen, mount_change, move_mount,
};

use crate::error::{Doing, Fault};

/// Makes `directory` the root of the calling process.
pub(crate) fn chroot(directory: &Path) -> Result<(), Fault> {
    let clause = || format!("changing the root to {}", directory.display());
    rustix::process::chroot(directory).doing(clause)?;
    // Without this, the working directory would still lie outside.
    rustix::process::chdir("/").doing(clause)
}

/// Mounts a new /proc over the old one, in a mount namespace of the calling process' own.
pub(crate) fn fresh_proc() -> Result<(), Fault> {
    let clause = || "mounting a fresh /proc".to_owned();
    mount_change("/", Propagation::DOWNSTREAM | Propagation::REC).doing(clause)?;
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC).doing(clause)?;
    fsconfig_create(&context).doing(clause)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).doing(clause)?;
    move_mount(
        &proc,
        "",
        CWD,
        "/proc",
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .doing(clause)
}
