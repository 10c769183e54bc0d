//! Making one file of each kind under a name in an open directory. Nothing that is there is
//! followed: a file is replaced, a directory stays.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, chownat, mkdirat, mknodat,
    openat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

/// The bits of a mode that let a program run with its file's ids.
const SET_IDS: u32 = 0o6000;

/// What a file gets besides its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes {
    /// Ids of the host.
    pub(super) owner: (u32, u32),
    pub(super) mode: u32,
    /// Seconds and nanoseconds since 1970.
    pub(super) modified: (i64, i64),
}

impl Attributes {
    /// Without the rights of an owner that it does not keep.
    pub(super) fn with_own_rights(self) -> Self {
        Self {
            mode: self.mode & !SET_IDS,
            ..self
        }
    }

    /// Gives them to an open file or directory: the owner first, which takes rights away.
    pub(super) fn set(self, file: BorrowedFd<'_>) -> Result<(), Errno> {
        let (uid, gid) = self.owner;
        rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        rustix::fs::fchmod(file, Mode::from_raw_mode(self.mode & 0o7777))?;
        rustix::fs::futimens(file, &self.times())
    }

    /// Gives them to a link, which has no mode.
    pub(super) fn set_link(self, directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
        let (uid, gid) = self.owner;
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        utimensat(directory, name, &self.times(), AtFlags::SYMLINK_NOFOLLOW)
    }

    fn times(self) -> Timestamps {
        let (tv_sec, tv_nsec) = self.modified;
        let time = Timespec { tv_sec, tv_nsec };
        Timestamps {
            last_access: time,
            last_modification: time,
        }
    }
}

/// Removes a file that is in the way.
fn clear(directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        // Some file systems say so of directories.
        Err(Errno::PERM) if is_directory(directory, name) => Err(Errno::ISDIR),
        Err(errno) => Err(errno),
    }
}

fn is_directory(directory: BorrowedFd<'_>, name: &OsStr) -> bool {
    let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Does what makes a file, once more when something was in the way.
pub(super) fn replacing<T>(
    directory: BorrowedFd<'_>,
    name: &OsStr,
    make: impl Fn() -> Result<T, Errno>,
) -> Result<T, Errno> {
    match make() {
        Err(Errno::EXIST) => {
            clear(directory, name)?;
            make()
        }
        made => made,
    }
}

/// Makes an empty file. One that is a mount, and so cannot be replaced, is emptied.
pub(super) fn file(directory: BorrowedFd<'_>, name: &OsStr) -> Result<File, Errno> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o600);
    let make = || openat(directory, name, flags | OFlags::CREATE | OFlags::EXCL, mode);
    match replacing(directory, name, make) {
        Err(Errno::BUSY) => openat(directory, name, flags | OFlags::TRUNC, mode).map(File::from),
        made => made.map(File::from),
    }
}

/// Makes a directory, or opens the one that is there.
pub(super) fn directory(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    match mkdirat(directory, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// Makes a link to `target`.
pub(super) fn link(directory: BorrowedFd<'_>, name: &OsStr, target: &OsStr) -> Result<(), Errno> {
    replacing(directory, name, || symlinkat(target, directory, name))
}

/// Makes a named pipe.
pub(super) fn fifo(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    let mode = Mode::from_raw_mode(0o600);
    replacing(directory, name, || {
        mknodat(directory, name, FileType::Fifo, mode, 0)
    })?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// Makes a further name of a file.
pub(super) fn hard_link(
    file: &OwnedFd,
    directory: BorrowedFd<'_>,
    name: &OsStr,
) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    // The kernel's own name of an open file: no path is on the way.
    let own = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    replacing(directory, name, || {
        rustix::fs::linkat(
            rustix::fs::CWD,
            &own,
            directory,
            name,
            AtFlags::SYMLINK_FOLLOW,
        )
    })
}
