//! Our own executable so that no container can overwrite it (CVE-2019-5736): a container that
//! gets hold of `/proc/PID/exe` of one of our processes finds a file that cannot be written.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    Access, AtFlags, CWD, MemfdFlags, Mode, OFlags, SealFlags, StatVfsMountFlags, accessat,
    fcntl_add_seals, fcntl_get_seals, memfd_create,
};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};

use crate::Result;
use crate::mount::{MountAttr, mount_setattr};

const OURSELVES: &str = "/proc/self/exe";

/// An fd of our executable that can be executed and not be written through: on a read-only mount
/// of its own where mounts can be made, else a sealed copy in memory. `None` when `/proc/self/exe`
/// is such a file as it is.
///
/// # Errors
/// The kernel's, and when /proc is not mounted.
pub fn sealed() -> Result<Option<OwnedFd>> {
    let file = rustix::fs::open(OURSELVES, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    if is_sealed(&file)? || belongs_to_others(&file)? {
        return Ok(None);
    }
    match on_readonly_mount() {
        Err(Errno::PERM | Errno::NOSYS | Errno::INVAL) => in_memory(&file),
        other => other,
    }
    .map(Some)
}

fn is_sealed(file: &OwnedFd) -> Result<bool> {
    if fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SealFlags::WRITE)) {
        return Ok(true);
    }
    let mount = rustix::fs::fstatvfs(file)?;
    Ok(mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Whether nobody but the host's root can write the file, and we are not root: then no container of
/// ours can, since all its ids are ours or were given to us.
fn belongs_to_others(file: &OwnedFd) -> Result<bool> {
    let others = Mode::WGRP | Mode::WOTH;
    let facts = rustix::fs::fstat(file)?;
    let roots = facts.st_uid == 0 && !Mode::from_raw_mode(facts.st_mode).intersects(others);
    // Capabilities may say otherwise than the mode.
    let denied = accessat(CWD, OURSELVES, Access::WRITE_OK, AtFlags::EACCESS).is_err();
    Ok(roots && denied && !rustix::process::geteuid().is_root())
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

fn in_memory(file: &OwnedFd) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::EXEC;
    let copy = match memfd_create("wharf", flags) {
        // MFD_EXEC is newer than memfds; before it, every one was executable.
        Err(Errno::INVAL) => memfd_create("wharf", flags - MemfdFlags::EXEC)?,
        other => other?,
    };
    loop {
        match rustix::fs::sendfile(&copy, file, None, 1 << 30) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&copy, seals)?;
    Ok(copy)
}
