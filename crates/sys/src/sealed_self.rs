//! Our own executable so that no container can overwrite it (CVE-2019-5736): a container that
//! gets hold of `/proc/PID/exe` of one of our processes finds a file that cannot be written.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    CWD, MemfdFlags, Mode, OFlags, SealFlags, StatVfsMountFlags, fcntl_add_seals, fcntl_get_seals,
    memfd_create,
};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};

use crate::Result;
use crate::mount::{MountAttr, mount_setattr};

const OURSELVES: &str = "/proc/self/exe";

/// An fd of our executable that can be executed and not be written through: on a read-only mount
/// of its own where mounts can be made, else a sealed copy in memory.
///
/// # Errors
/// The kernel's.
pub fn sealed() -> Result<OwnedFd> {
    match on_readonly_mount() {
        Err(Errno::PERM | Errno::NOSYS | Errno::INVAL) => in_memory(),
        other => other,
    }
}

/// Whether this process already runs from such a file.
///
/// # Errors
/// When /proc is not mounted.
pub fn is_sealed() -> Result<bool> {
    let file = rustix::fs::open(OURSELVES, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    if fcntl_get_seals(&file).is_ok_and(|seals| seals.contains(SealFlags::WRITE)) {
        return Ok(true);
    }
    Ok(rustix::fs::fstatvfs(&file)?
        .f_flag
        .contains(StatVfsMountFlags::RDONLY))
}

fn on_readonly_mount() -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let mount = open_tree(CWD, OURSELVES, flags)?;
    let attr = MountAttr {
        set: MountAttrFlags::MOUNT_ATTR_RDONLY,
        ..MountAttr::default()
    };
    mount_setattr(mount.as_fd(), &attr, false)?;
    Ok(mount)
}

fn in_memory() -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::EXEC;
    let copy = match memfd_create("wharf", flags) {
        // MFD_EXEC is newer than memfds; before it, every one was executable.
        Err(Errno::INVAL) => memfd_create("wharf", flags - MemfdFlags::EXEC)?,
        other => other?,
    };
    let file = rustix::fs::open(OURSELVES, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    loop {
        match rustix::fs::sendfile(&copy, &file, None, 1 << 30) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&copy, seals)?;
    Ok(copy)
}
