//! The kernel's own files in /proc, past whatever lies over or leads away from them: what the
//! runtime writes there decides about rights, and a container that makes another file of it gets
//! none of them (CVE-2019-19921, CVE-2025-52881).
//!
//! Source: openat2(2), `RESOLVE_NO_XDEV`; proc(5).

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::Result;

/// The magic number of procfs, and the inode of its root.
const MAGIC: u32 = 0x9fa0;
const ROOT: u64 = 1;

/// A procfs.
#[derive(Debug)]
pub struct Procfs(OwnedFd);

impl Procfs {
    /// The one at /proc. To be called while /proc is the host's.
    ///
    /// # Errors
    /// `ENOTTY` when /proc is another file system, or the kernel's.
    pub fn open() -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = rustix::fs::open("/proc", flags, Mode::empty())?;
        let magic = rustix::fs::fstatfs(&root)?.f_type;
        let inode = rustix::fs::fstat(&root)?.st_ino;
        match u32::try_from(magic) == Ok(MAGIC) && inode == ROOT {
            true => Ok(Self(root)),
            false => Err(Errno::NOTTY),
        }
    }

    /// One that is mounted nowhere, so that nothing can lie over it.
    fn unmounted() -> Result<Self> {
        let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&context)?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map(Self)
    }

    /// Opens a file, whose path is relative to /proc, for writing. Where something is mounted on the
    /// way, the file is opened in a procfs of our own.
    ///
    /// # Errors
    /// `EXDEV` when something is mounted on the way and no procfs can be made, or the kernel's.
    pub fn open_for_writing(&self, path: &Path) -> Result<OwnedFd> {
        match self.open_file(path) {
            Err(Errno::XDEV) => Self::unmounted().map_err(|_| Errno::XDEV)?.open_file(path),
            other => other,
        }
    }

    fn open_file(&self, path: &Path) -> Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
        loop {
            match rustix::fs::openat2(self.0.as_fd(), path, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_process_is_opened_and_nothing_outside() {
        let procfs = Procfs::open().unwrap();
        procfs.open_for_writing(Path::new("self/comm")).unwrap();
        procfs
            .open_for_writing(Path::new("thread-self/comm"))
            .unwrap();
        for path in [
            "../etc/passwd",
            "self/cwd/x",
            "self/root/dev/null",
            "/dev/null",
        ] {
            let error = procfs.open_for_writing(Path::new(path)).unwrap_err();
            assert!(
                matches!(error, Errno::XDEV | Errno::LOOP),
                "{path}: {error}"
            );
        }
    }
}
