//! Masked and read-only paths: parts of /proc and /sys that a container may not see or change.
//!
//! A masked file is covered by the host's null device, a masked directory by an empty read-only
//! tmpfs; all directories share one tmpfs, since every superblock costs at the container's end.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_string,
    fsmount, fsopen, open_tree,
};
use sys::mount::{MountAttr, mount_setattr};

use super::attach::{attach_at, clone_of};
use crate::error::{Doing, Fault};

/// What covers masked paths. It must be made while the host's /dev can still be reached, so that
/// a hostile image has no say in what "null" is.
struct Covers {
    /// Where the host has it: before Linux 6.15 only what is attached can be cloned.
    null: OwnedFd,
    empty: Option<OwnedFd>,
}

/// Masks `masked` and makes `readonly` read-only below `root`. Paths that are not there are
/// passed over, as the specification allows.
pub(crate) fn mask(
    root: BorrowedFd<'_>,
    masked: &[PathBuf],
    readonly: &[PathBuf],
) -> Result<(), Fault> {
    for path in readonly {
        if let Some(target) = find(root, path)? {
            make_readonly(target.as_fd())
                .doing(|| format!("making {} read-only", path.display()))?;
        }
    }
    let mut covers: Option<Covers> = None;
    for (index, path) in masked.iter().enumerate() {
        if masked.iter().take(index).any(|before| before == path) {
            continue;
        }
        let Some(target) = find(root, path)? else {
            continue;
        };
        let covers = match &mut covers {
            Some(covers) => covers,
            none => none.insert(Covers::new()?),
        };
        covers
            .cover(target.as_fd())
            .doing(|| format!("masking {}", path.display()))?;
    }
    Ok(())
}

fn find(root: BorrowedFd<'_>, path: &Path) -> Result<Option<OwnedFd>, Fault> {
    match sys::path::open_in_root(root, path, OFlags::PATH | OFlags::CLOEXEC) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(None),
        Err(errno) => Err(Fault::new(format!("looking at {}", path.display()), errno)),
    }
}

fn make_readonly(target: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let clone = open_tree(target, "", flags)?;
    let attr = MountAttr {
        set: MountAttrFlags::MOUNT_ATTR_RDONLY,
        ..MountAttr::default()
    };
    mount_setattr(clone.as_fd(), &attr, true)?;
    attach_at(clone.as_fd(), target)
}

impl Covers {
    fn new() -> Result<Self, Fault> {
        let clause = || "opening the null device".to_owned();
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let null = openat(CWD, "/dev/null", flags, Mode::empty()).doing(clause)?;
        let stat = rustix::fs::fstat(&null).doing(clause)?;
        let is_null = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && stat.st_rdev == rustix::fs::makedev(1, 3);
        if is_null {
            Ok(Self { null, empty: None })
        } else {
            Err(Fault::new(
                "finding the null device in /dev/null",
                Errno::NODEV,
            ))
        }
    }

    fn cover(&mut self, target: BorrowedFd<'_>) -> Result<(), Errno> {
        let stat = rustix::fs::fstat(target)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return attach_at(clone_of(self.null.as_fd())?.as_fd(), target);
        }
        let empty = match &self.empty {
            Some(empty) => clone_of(empty.as_fd())?,
            None => empty_directory()?,
        };
        attach_at(empty.as_fd(), target)?;
        // Once attached it can be cloned for the next directory.
        self.empty.get_or_insert(empty);
        Ok(())
    }
}

fn empty_directory() -> Result<OwnedFd, Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "mode", "755")?;
    fsconfig_set_string(&context, "nr_blocks", "1")?;
    fsconfig_set_string(&context, "nr_inodes", "1")?;
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}
