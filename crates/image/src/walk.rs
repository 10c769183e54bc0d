//! Going through a layer or another tree: every file once, in the order of names, a directory
//! before what is in it. No link is followed, whoever changes the tree meanwhile.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::Error;
use crate::unpack::Rights;

/// Deeper trees are refused: each level holds an open directory.
const DEEPEST: usize = 900;

/// A file that was met.
pub(crate) struct Met<'a> {
    /// Relative to the root.
    pub(crate) path: &'a Path,
    /// The directory it is in.
    pub(crate) directory: BorrowedFd<'a>,
    /// Its name there.
    pub(crate) name: &'a OsString,
    pub(crate) stat: Stat,
    pub(crate) mark: Mark,
}

/// What overlayfs sees in a file of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing but what it is.
    None,
    /// It hides what is below at its place.
    Whiteout,
    /// A directory that hides what is below in it.
    Opaque,
}

impl Met<'_> {
    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.kind() == FileType::Directory
    }

    /// Bytes of content.
    pub(crate) fn size(&self) -> u64 {
        match self.kind() {
            FileType::RegularFile => u64::try_from(self.stat.st_size).unwrap_or_default(),
            _ => 0,
        }
    }
}

/// A directory on the way down.
struct Level {
    fd: OwnedFd,
    path: PathBuf,
    /// Of what is still to be met, the last one next.
    names: Vec<OsString>,
}

/// Opens a directory, which may not be a link.
pub(crate) fn open(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(Error::errno("opening", path))
}

/// Meets everything below `root`; `shown` is its name in errors.
pub(crate) fn walk(
    root: &OwnedFd,
    shown: &Path,
    visit: &mut dyn FnMut(&Met<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let fd = root.try_clone().map_err(Error::io("opening", shown))?;
    let mut levels = vec![Level {
        names: names(&fd, shown)?,
        fd,
        path: PathBuf::new(),
    }];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.pop() else {
            levels.pop();
            continue;
        };
        let path = level.path.join(&name);
        let whole = shown.join(&path);
        let stat = match rustix::fs::statat(&level.fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
            // It went away meanwhile.
            Err(Errno::NOENT) => continue,
            stat => stat.map_err(Error::errno("looking at", &whole))?,
        };
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let below = match is_directory {
            true => match open_below(&level.fd, &name) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                fd => Some(fd.map_err(Error::errno("opening", &whole))?),
            },
            false => None,
        };
        visit(&Met {
            path: &path,
            directory: level.fd.as_fd(),
            name: &name,
            mark: mark(&level.fd, &name, &stat, below.as_ref()),
            stat,
        })?;
        if let Some(fd) = below {
            if levels.len() >= DEEPEST {
                return Err(Error::errno("going deeper than", &whole)(
                    Errno::NAMETOOLONG,
                ));
            }
            levels.push(Level {
                names: names(&fd, &whole)?,
                fd,
                path,
            });
        }
    }
    Ok(())
}

fn open_below(directory: &OwnedFd, name: &OsString) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

/// The names in a directory, the first in order last.
fn names(directory: &OwnedFd, shown: &Path) -> Result<Vec<OsString>, Error> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).map_err(Error::errno("reading", shown))? {
        let entry = entry.map_err(Error::errno("reading", shown))?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

/// The mark of a file. Which form marks have depends on whose they are: the kernel's for root are
/// `trusted.*`, for anybody else `user.*`; neither stands where it does not count.
fn mark(directory: &OwnedFd, name: &OsString, stat: &Stat, below: Option<&OwnedFd>) -> Mark {
    if let Some(below) = below {
        return match is_opaque(below.as_fd()) {
            true => Mark::Opaque,
            false => Mark::None,
        };
    }
    let kind = FileType::from_raw_mode(stat.st_mode);
    let is_device = kind == FileType::CharacterDevice && stat.st_rdev == 0;
    let is_empty = kind == FileType::RegularFile && stat.st_size == 0;
    match is_device || (is_empty && has_whiteout_attribute(directory, name)) {
        true => Mark::Whiteout,
        false => Mark::None,
    }
}

/// Whether a directory hides what is below in it.
pub(crate) fn is_opaque(directory: BorrowedFd<'_>) -> bool {
    [Rights::Root, Rights::User].into_iter().any(|rights| {
        let mut value = [0u8; 2];
        let attribute = rights.overlay_xattr("opaque");
        let length = rustix::fs::fgetxattr(directory, attribute, &mut value[..]);
        length == Ok(1) && value[0] == b'y'
    })
}

/// The form of a whiteout where devices cannot be made.
fn has_whiteout_attribute(directory: &OwnedFd, name: &OsString) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::openat(directory, name, flags, Mode::empty()) else {
        return false;
    };
    let mut value = [0u8; 1];
    [Rights::Root, Rights::User].into_iter().any(|rights| {
        let attribute = rights.overlay_xattr("whiteout");
        rustix::fs::fgetxattr(&file, attribute, &mut value[..]).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_met_once_in_order_and_no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path();
        std::fs::create_dir_all(tree.join("b/c")).unwrap();
        for name in ["a", "b/c/d", "b.x", "z"] {
            std::fs::write(tree.join(name), "12").unwrap();
        }
        std::os::unix::fs::symlink("/", tree.join("b/link")).unwrap();
        let mut met = Vec::new();
        walk(&open(tree).unwrap(), tree, &mut |file| {
            met.push((file.path.display().to_string(), file.size()));
            Ok(())
        })
        .unwrap();
        let names: Vec<&str> = met.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "b/c", "b/c/d", "b/link", "b.x", "z"]);
        assert_eq!(met[0].1, 2);
    }
}
