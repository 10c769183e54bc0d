//! Removing a directory tree that somebody hostile may have filled: no link is followed, no depth
//! is too deep, and a directory that its owner made unreadable goes too.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, openat, unlinkat};
use rustix::io::Errno;

use crate::Error;

/// Removes `path` and everything below it; a missing one is fine.
///
/// # Errors
/// When something in it cannot be removed; what could be is gone then.
pub fn remove_tree(path: &Path) -> Result<(), Error> {
    match remove(path) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Error::io("removing", path, errno)),
    }
}

/// A directory on the way down, with its name in the one above.
struct Level {
    fd: OwnedFd,
    name: CString,
}

fn remove(path: &Path) -> Result<(), Errno> {
    match unlinkat(CWD, path, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        other => return other,
    }
    // The fds on the way down take the place of recursion; a tree deeper than fds are allowed
    // is flattened by `sink`.
    let mut levels: Vec<Level> = vec![Level {
        fd: open_directory(CWD, path)?,
        name: c"".into(),
    }];
    while let Some(level) = levels.last() {
        match empty(&level.fd)? {
            None => {
                let Some(done) = levels.pop() else { break };
                let Some(parent) = levels.last() else { break };
                unlinkat(&parent.fd, &done.name, AtFlags::REMOVEDIR)?;
            }
            Some(name) if levels.len() < DEEPEST => {
                let fd = open_directory(&level.fd, name.as_c_str())?;
                levels.push(Level { fd, name });
            }
            Some(name) => sink(&levels, &name)?,
        }
    }
    unlinkat(CWD, path, AtFlags::REMOVEDIR)
}

/// How many directories are held open at once.
const DEEPEST: usize = 64;

/// Moves a directory that is too deep up to the top of the tree, under a name of its own.
fn sink(levels: &[Level], name: &CString) -> Result<(), Errno> {
    let (Some(top), Some(deepest)) = (levels.first(), levels.last()) else {
        return Ok(());
    };
    let unique = format!(".deep-{}", crate::Id::random().short());
    rustix::fs::renameat(&deepest.fd, name, &top.fd, unique.as_str())
}

/// Removes all that is no directory; gives back the first directory found.
fn empty(directory: &OwnedFd) -> Result<Option<CString>, Errno> {
    let mut found = None;
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        if entry.file_type() == FileType::Directory {
            match unlinkat(directory, name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(_) => found = Some(name.to_owned()),
            }
            continue;
        }
        match unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            // The file system does not tell the type in its listing.
            Err(Errno::ISDIR) => found = Some(name.to_owned()),
            Err(errno) => return Err(errno),
        }
    }
    Ok(found)
}

/// Opens a directory for reading and changing, granting its owner the right to if need be.
fn open_directory(
    parent: impl std::os::fd::AsFd,
    name: impl rustix::path::Arg + Copy,
) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(parent.as_fd(), name, flags, Mode::empty());
    let fd = match opened {
        Err(Errno::ACCESS) => {
            chmodat(parent.as_fd(), name, Mode::RWXU, AtFlags::empty())?;
            openat(parent.as_fd(), name, flags, Mode::empty())?
        }
        other => other?,
    };
    let mode = rustix::fs::fstat(&fd)?.st_mode;
    if mode & 0o300 != 0o300 {
        // Not our directory: then the removal itself will say what is wrong.
        let _ = rustix::fs::fchmod(&fd, Mode::RWXU);
    }
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_removed_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let outside = directory.path().join("outside");
        std::fs::write(&outside, b"stays").unwrap();
        let tree = directory.path().join("tree");
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        std::os::unix::fs::symlink(directory.path(), tree.join("a/link")).unwrap();
        rustix::fs::chmod(tree.join("a"), Mode::empty()).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        assert!(outside.exists());
        remove_tree(&tree).unwrap();
    }

    #[test]
    fn no_tree_is_too_deep() {
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        let mut current = open_directory(CWD, &tree).unwrap();
        for _ in 0..1000 {
            rustix::fs::mkdirat(&current, "d", Mode::RWXU).unwrap();
            current = open_directory(&current, c"d").unwrap();
        }
        drop(current);
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }
}
