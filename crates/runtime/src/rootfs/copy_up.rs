//! Copying a directory of the image into the tmpfs that will cover it (`tmpcopyup`): names, content,
//! owners, modes, times and extended attributes. Nothing is followed, so that no link of the image
//! leads anywhere.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

/// How deep directories may be in each other.
const DEEPEST: usize = 256;

/// Copies what is in the directory `from` into the directory `to`, whose own mode stays.
pub(super) fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Errno> {
    copy_entries(from, to, DEEPEST)
}

fn copy_entries(from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: usize) -> Result<(), Errno> {
    let depth = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    for entry in Dir::read_from(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        copy_one(
            from,
            to,
            Path::new(OsStr::from_bytes(name.to_bytes())),
            depth,
        )?;
    }
    Ok(())
}

fn copy_one(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &Path,
    depth: usize,
) -> Result<(), Errno> {
    let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    let kind = FileType::from_raw_mode(stat.st_mode);
    let no_follow = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match kind {
        FileType::Directory => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | no_follow;
            let inner = rustix::fs::openat(from, name, flags, Mode::empty())?;
            rustix::fs::mkdirat(to, name, Mode::RWXU)?;
            let copied = rustix::fs::openat(to, name, flags, Mode::empty())?;
            copy_entries(inner.as_fd(), copied.as_fd(), depth)?;
            settle(&inner, &copied, &stat, mode)
        }
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | no_follow;
            let source = rustix::fs::openat(from, name, flags, Mode::empty())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | no_follow;
            let target = rustix::fs::openat(to, name, flags, Mode::RUSR | Mode::WUSR)?;
            while rustix::fs::sendfile(&target, &source, None, 1 << 30)? > 0 {}
            settle(&source, &target, &stat, mode)
        }
        FileType::Symlink => {
            let link = rustix::fs::readlinkat(from, name, Vec::new())?;
            rustix::fs::symlinkat(&link, to, name)?;
            give(to, name, &stat)
        }
        // Sockets mean nothing without their listener, and a device is the configuration's to make.
        FileType::Fifo => {
            rustix::fs::mknodat(to, name, kind, mode, 0)?;
            give(to, name, &stat)
        }
        _ => Ok(()),
    }
}

/// Owner first, since changing it takes set-user-id bits away; times last.
fn settle(source: &OwnedFd, target: &OwnedFd, stat: &Stat, mode: Mode) -> Result<(), Errno> {
    let (owner, group) = owners(stat);
    rustix::fs::fchown(target, owner, group)?;
    rustix::fs::fchmod(target, mode)?;
    copy_attributes(source, target)?;
    rustix::fs::futimens(target, &times(stat))
}

fn give(directory: BorrowedFd<'_>, name: &Path, stat: &Stat) -> Result<(), Errno> {
    let (owner, group) = owners(stat);
    rustix::fs::chownat(directory, name, owner, group, AtFlags::SYMLINK_NOFOLLOW)?;
    rustix::fs::utimensat(directory, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
}

fn owners(stat: &Stat) -> (Option<rustix::fs::Uid>, Option<rustix::fs::Gid>) {
    let uid = rustix::fs::Uid::from_raw(stat.st_uid);
    (Some(uid), Some(rustix::fs::Gid::from_raw(stat.st_gid)))
}

fn times(stat: &Stat) -> Timestamps {
    let time = |seconds: i64, nanoseconds: u64| Timespec {
        tv_sec: seconds,
        tv_nsec: i64::try_from(nanoseconds).unwrap_or_default(),
    };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}

/// Those that the tmpfs takes; SELinux labels are the kernel's to give.
fn copy_attributes(source: &OwnedFd, target: &OwnedFd) -> Result<(), Errno> {
    let mut names = vec![0u8; 65_536];
    let length = match rustix::fs::flistxattr(source, &mut names[..]) {
        Err(Errno::OPNOTSUPP) => return Ok(()),
        length => length?,
    };
    let names = names.get(..length).unwrap_or_default();
    let words = names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    for name in words.filter(|name| *name != b"security.selinux") {
        let mut value = vec![0u8; 65_536];
        let length = rustix::fs::fgetxattr(source, name, &mut value[..])?;
        let value = value.get(..length).unwrap_or_default();
        match rustix::fs::fsetxattr(target, name, value, XattrFlags::empty()) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
