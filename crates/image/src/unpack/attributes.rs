//! Owner, mode, extended attributes and time of what was unpacked, set through an fd or without
//! following a link, in the order that keeps them: a change of owner clears set-id bits and
//! capabilities.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use rustix::io::Errno;

use super::{Error, Rights};
use crate::tar::{Entry, Kind};

const CAPABILITY: &[u8] = b"security.capability";
const ACLS: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];
const USER: &[u8] = b"user.";
const USER_OVERLAY: &[u8] = b"user.overlay.";

/// Refuses extended attributes that a layer may not set: those that would steer overlayfs or a
/// security module of the host, and any on what cannot have them.
pub(super) fn check(entry: &Entry) -> Result<(), Error> {
    let possible = match entry.kind {
        Kind::File | Kind::Directory | Kind::HardLink(_) => true,
        Kind::SymbolicLink(_) | Kind::Fifo => false,
        Kind::CharacterDevice(..) | Kind::BlockDevice(..) => false,
    };
    match entry
        .xattrs
        .keys()
        .find(|name| !possible || !may_have(name))
    {
        Some(name) => Err(Error::Attribute {
            path: entry.path.clone(),
            name: name.to_string_lossy().into_owned(),
        }),
        None => Ok(()),
    }
}

/// Whether a layer may set an extended attribute.
pub(crate) fn may_have(name: &OsStr) -> bool {
    let name = name.as_bytes();
    let is_user = name.starts_with(USER) && !name.starts_with(USER_OVERLAY);
    name == CAPABILITY || ACLS.contains(&name) || is_user
}

/// Whose a file is before its attributes are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The one's that it will be: there is nothing to change.
    Right,
    Any,
}

/// Sets everything on an open file or directory.
pub(super) fn set(
    file: BorrowedFd<'_>,
    entry: &Entry,
    rights: Rights,
    owned: Owner,
) -> Result<(), Errno> {
    if rights == Rights::Root && owned == Owner::Any {
        rustix::fs::fchown(file, Some(owner(entry)), Some(group(entry)))?;
    }
    rustix::fs::fchmod(file, Mode::from_raw_mode(entry.mode))?;
    for (name, value) in &entry.xattrs {
        // A user's files have one owner, so that neither would give anything.
        if rights == Rights::Root || name.as_bytes().starts_with(USER) {
            rustix::fs::fsetxattr(file, name.as_os_str(), value, XattrFlags::empty())?;
        }
    }
    rustix::fs::futimens(file, &times(entry))
}

/// Sets what can be set on a name that cannot be opened: a link, a pipe or a device.
pub(super) fn set_by_name(
    directory: BorrowedFd<'_>,
    name: &OsStr,
    entry: &Entry,
    rights: Rights,
) -> Result<(), Errno> {
    let nofollow = AtFlags::SYMLINK_NOFOLLOW;
    if rights == Rights::Root {
        rustix::fs::chownat(
            directory,
            name,
            Some(owner(entry)),
            Some(group(entry)),
            nofollow,
        )?;
    }
    rustix::fs::utimensat(directory, name, &times(entry), nofollow)
}

fn owner(entry: &Entry) -> Uid {
    Uid::from_raw(entry.uid)
}

fn group(entry: &Entry) -> Gid {
    Gid::from_raw(entry.gid)
}

fn times(entry: &Entry) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: entry.mtime.0,
            tv_nsec: entry.mtime.1.into(),
        },
    }
}
