//! Paths inside a directory that somebody hostile may own: resolved by the kernel with the
//! directory as the root, so that neither `..` nor a link leads out of it.
//!
//! Source: openat2(2), `RESOLVE_IN_ROOT`.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::Result;

/// How often a resolution is tried again when the kernel cannot rule out that a rename elsewhere
/// led it astray.
const ATTEMPTS: usize = 128;

/// Opens `path` as seen with `root` as `/`; absolute links stay inside, links of /proc are refused.
///
/// # Errors
/// The kernel's.
pub fn open_in_root(root: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd> {
    open_with_mode(root, path, flags, Mode::empty())
}

fn open_with_mode(root: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = flags | OFlags::CLOEXEC;
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(root, path, flags, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

/// Opens the directory `path` below `root`, making what is missing of it with `mode`. Gives back
/// an fd that only names it (`O_PATH`).
///
/// # Errors
/// `ENOTDIR`, `ELOOP` for a dangling link on the way, `EINVAL` for `..` in the part to be made.
pub fn create_dir_all_in_root(root: BorrowedFd<'_>, path: &Path, mode: u32) -> Result<OwnedFd> {
    let directory = OFlags::PATH | OFlags::DIRECTORY;
    match open_in_root(root, path, directory) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    let (mut current, missing) = deepest(root, path)?;
    for name in missing {
        match rustix::fs::mkdirat(&current, &name, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let flags = directory | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        current = rustix::fs::openat(&current, &name, flags, Mode::empty())?;
    }
    Ok(current)
}

/// The deepest directory on the way to `path` that is there, and the names that are missing.
fn deepest(root: BorrowedFd<'_>, path: &Path) -> Result<(OwnedFd, Vec<PathBuf>)> {
    let mut there = path.to_owned();
    let mut missing = Vec::new();
    loop {
        let name = there.file_name().map(PathBuf::from).ok_or(Errno::INVAL)?;
        if there.components().next_back() == Some(Component::ParentDir) {
            return Err(Errno::INVAL);
        }
        missing.push(name);
        there.pop();
        let parent = if there.as_os_str().is_empty() {
            Path::new("/")
        } else {
            &there
        };
        match open_in_root(root, parent, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(fd) => {
                missing.reverse();
                return Ok((fd, missing));
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Opens the file `path` below `root`, making an empty one with `mode`, and the directories on
/// the way, where they are missing. Gives back an fd that only names it (`O_PATH`).
///
/// # Errors
/// As [`create_dir_all_in_root`].
pub fn create_file_in_root(root: BorrowedFd<'_>, path: &Path, mode: u32) -> Result<OwnedFd> {
    match open_in_root(root, path, OFlags::PATH) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    let name: &OsStr = path.file_name().ok_or(Errno::INVAL)?;
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = create_dir_all_in_root(root, parent.unwrap_or(Path::new("/")), 0o755)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(mode)) {
        Ok(_) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    open_in_root(
        parent.as_fd(),
        Path::new(name),
        OFlags::PATH | OFlags::NOFOLLOW,
    )
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    fn root(directory: &Path) -> OwnedFd {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        rustix::fs::open(directory, flags, Mode::empty()).unwrap()
    }

    #[test]
    fn files_are_made_below_the_root_whatever_links_say() {
        let name = format!("wharf-path-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        std::os::unix::fs::symlink("/inside", directory.join("link")).unwrap();
        let root = root(&directory);
        for path in ["plain", "a/b/file"] {
            create_file_in_root(root.as_fd(), Path::new(path), 0o600).unwrap();
            assert!(directory.join(path).is_file());
        }
        create_dir_all_in_root(root.as_fd(), Path::new("inside"), 0o755).unwrap();
        create_file_in_root(root.as_fd(), Path::new("/link/file"), 0o600).unwrap();
        assert!(directory.join("inside/file").is_file());
        let outside = create_dir_all_in_root(root.as_fd(), Path::new("/x/../../y"), 0o755);
        assert_eq!(outside.unwrap_err(), Errno::INVAL);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
