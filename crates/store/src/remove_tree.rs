//! Removing a directory tree that somebody hostile may have filled: no link is followed, no depth
//! is too deep, and a directory that its owner made unreadable goes too.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, SeekFrom, chmodat, fchmod, openat, seek, unlinkat,
};
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

/// A directory on the way down.
struct Level {
    fd: OwnedFd,
    /// Its name in the one above.
    name: CString,
    /// Directories in it that are not empty.
    below: Vec<CString>,
}

impl Level {
    fn open(above: BorrowedFd<'_>, name: CString) -> Result<Self, Errno> {
        let mut level = Level {
            fd: open_directory(above, &name)?,
            name,
            below: Vec::new(),
        };
        level.empty()?;
        Ok(level)
    }

    /// Removes all that goes at once, and notes the rest.
    fn empty(&mut self) -> Result<(), Errno> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(&self.fd, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let flags = match entry.file_type() {
                FileType::Directory => AtFlags::REMOVEDIR,
                _ => AtFlags::empty(),
            };
            match unlink_in(&self.fd, name, flags) {
                Ok(()) | Err(Errno::NOENT) => {}
                // Not all file systems tell the type in their listing.
                Err(Errno::ISDIR) => self.below.push(name.to_owned()),
                Err(_) if flags == AtFlags::REMOVEDIR => self.below.push(name.to_owned()),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Looks again for what came, or was passed over, while it was emptied; says whether there was
    /// anything.
    fn empty_again(&mut self) -> Result<bool, Errno> {
        seek(&self.fd, SeekFrom::Start(0))?;
        self.empty()?;
        Ok(!self.below.is_empty())
    }
}

fn remove(path: &Path) -> Result<(), Errno> {
    let name = rustix::path::Arg::into_c_str(path)?.into_owned();
    let top = match Level::open(CWD, name) {
        Err(Errno::NOTDIR | Errno::LOOP) => return unlinkat(CWD, path, AtFlags::empty()),
        top => top?,
    };
    // The fds on the way down take the place of recursion; a tree deeper than fds are allowed
    // is flattened by `sink`.
    let mut levels = vec![top];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.below.pop() else {
            remove_last(&mut levels)?;
            continue;
        };
        if levels.len() == DEEPEST {
            sink(&mut levels, &name)?;
        } else if let Some(level) = levels.last() {
            match Level::open(level.fd.as_fd(), name) {
                Err(Errno::NOENT) => {}
                below => levels.push(below?),
            }
        }
    }
    Ok(())
}

/// Removes the deepest directory, which has been emptied.
fn remove_last(levels: &mut Vec<Level>) -> Result<(), Errno> {
    let Some(mut done) = levels.pop() else {
        return Ok(());
    };
    let above = levels.last().map_or(CWD, |level| level.fd.as_fd());
    match unlink_in(above, &done.name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => match done.empty_again()? {
            true => levels.push(done),
            false => unlink_in(above, &done.name, AtFlags::REMOVEDIR)?,
        },
        removed => removed?,
    }
    Ok(())
}

/// How many directories are held open at once.
const DEEPEST: usize = 64;

/// Moves a directory that is too deep up to the top of the tree, under a name of its own.
fn sink(levels: &mut [Level], name: &CStr) -> Result<(), Errno> {
    let unique = CString::new(format!(".deep-{}", crate::Id::random().short()));
    let unique = unique.map_err(|_| Errno::INVAL)?;
    let (Some(top), Some(deepest)) = (levels.first(), levels.last()) else {
        return Ok(());
    };
    rustix::fs::renameat(&deepest.fd, name, &top.fd, &unique)?;
    if let Some(top) = levels.first_mut() {
        top.below.push(unique);
    }
    Ok(())
}

/// Removes a name, in a directory that its owner may have made unwritable.
fn unlink_in(directory: impl AsFd, name: &CStr, flags: AtFlags) -> Result<(), Errno> {
    match unlinkat(&directory, name, flags) {
        Err(Errno::ACCESS) if fchmod(&directory, Mode::RWXU).is_ok() => {
            unlinkat(&directory, name, flags)
        }
        other => other,
    }
}

/// Opens a directory for reading, granting its owner the right to if need be.
fn open_directory(above: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(above, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            chmodat(above, name, Mode::RWXU, AtFlags::empty())?;
            openat(above, name, flags, Mode::empty())
        }
        other => other,
    }
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
    fn a_wide_tree_goes_whole() {
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path().join("tree");
        for name in 0..300 {
            let below = tree.join(format!("directory-with-a-longer-name-{name}/empty"));
            std::fs::create_dir_all(&below).unwrap();
            std::fs::write(below.with_file_name("file"), b"").unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        std::fs::write(&tree, b"a file").unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }

    #[test]
    fn no_tree_is_too_deep() {
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        let top = CString::new(tree.to_str().unwrap()).unwrap();
        let mut current = open_directory(CWD, &top).unwrap();
        for _ in 0..1000 {
            rustix::fs::mkdirat(&current, "d", Mode::RWXU).unwrap();
            current = open_directory(current.as_fd(), c"d").unwrap();
        }
        drop(current);
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }
}
