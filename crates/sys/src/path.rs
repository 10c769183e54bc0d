//! Paths inside a directory that somebody hostile may own: resolved by the kernel with the
//! directory as the root, so that neither `..` nor a link leads out of it.
//!
//! Source: openat2(2), `RESOLVE_IN_ROOT`.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
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
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    open_resolved(root, path, flags | OFlags::CLOEXEC, resolve)
}

fn open_resolved(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd> {
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

/// Opens the directory `path` below `root`, making what is missing of it with `mode`, also where a
/// link leads to something missing. Gives back an fd that only names it (`O_PATH`).
///
/// # Errors
/// `ENOTDIR`, `ELOOP` for too many links on the way, `EINVAL` for `..` in the part to be made.
pub fn create_dir_all_in_root(root: BorrowedFd<'_>, path: &Path, mode: u32) -> Result<OwnedFd> {
    match open_in_root(root, path, OFlags::PATH | OFlags::DIRECTORY) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    match create_last(root, path, mode) {
        Some(made) => Ok(made),
        None => Walk::new(root, path, mode)?.make(|_, _| Ok(None)),
    }
}

/// The most frequent case: only the last name is missing, and no link is in its place.
fn create_last(root: BorrowedFd<'_>, path: &Path, mode: u32) -> Option<OwnedFd> {
    let (above, Some(Component::Normal(name))) = (path.parent()?, path.components().next_back())
    else {
        return None;
    };
    let above = open_in_root(root, above, OFlags::PATH | OFlags::DIRECTORY).ok()?;
    rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(mode)).ok()?;
    let made = open_name(above.as_fd(), name).ok()?;
    let is_directory = rustix::fs::fstat(&made)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory);
    is_directory.then_some(made)
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
    Walk::new(root, path, 0o755)?.make(|directory, name| {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        match rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(mode)) {
            Ok(_) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        open_name(directory, name).map(Some)
    })
}

/// Opens the directory `path` below `root`, which no link may be on the way to, making what is
/// missing with `mode`. Gives back an fd that only names it (`O_PATH`).
///
/// # Errors
/// `ELOOP` for a link on the way, or the kernel's.
pub fn create_dir_all_without_links(
    root: BorrowedFd<'_>,
    path: &Path,
    mode: u32,
) -> Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match open_resolved(root, path, flags, resolve) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    create_dir_all_in_root(root, path, mode)?;
    // Somebody may have put a link there meanwhile.
    open_resolved(root, path, flags, resolve)
}

/// A walk along a path whose end is missing, one name at a time. Every link is read and its words
/// are walked in its place, from the root if it is absolute; no name is ever followed.
struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// The mode of directories that are made.
    mode: u32,
    /// What was walked, without links.
    done: PathBuf,
    current: OwnedFd,
    /// The names to come, the next one last.
    todo: Vec<OsString>,
    links: usize,
    has_made: bool,
}

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

impl<'a> Walk<'a> {
    fn new(root: BorrowedFd<'a>, path: &Path, mode: u32) -> Result<Self> {
        let mut walk = Self {
            root,
            mode,
            done: PathBuf::from("/"),
            current: open_in_root(root, Path::new("/"), OFlags::PATH | OFlags::DIRECTORY)?,
            todo: Vec::new(),
            links: 0,
            has_made: false,
        };
        walk.push(path);
        Ok(walk)
    }

    fn push(&mut self, path: &Path) {
        let parts = path.components().rev().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        });
        self.todo.extend(parts);
    }

    /// Walks to the end; `leaf` makes the last name if it is not to be a directory.
    fn make(
        mut self,
        leaf: impl Fn(BorrowedFd<'_>, &OsStr) -> Result<Option<OwnedFd>>,
    ) -> Result<OwnedFd> {
        while let Some(name) = self.todo.pop() {
            if name == ".." {
                self.step_back()?;
                continue;
            }
            match open_name(self.current.as_fd(), &name) {
                Ok(found) => match FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) {
                    FileType::Symlink => self.follow(&found)?,
                    FileType::Directory => self.step_to(&name, found),
                    // Somebody made it just now.
                    _ if self.todo.is_empty() => return Ok(found),
                    _ => return Err(Errno::NOTDIR),
                },
                Err(Errno::NOENT) => {
                    self.has_made = true;
                    if self.todo.is_empty()
                        && let Some(made) = leaf(self.current.as_fd(), &name)?
                    {
                        return Ok(made);
                    }
                    let mode = Mode::from_raw_mode(self.mode);
                    match rustix::fs::mkdirat(&self.current, &name, mode) {
                        Ok(()) | Err(Errno::EXIST) => self.todo.push(name),
                        Err(errno) => return Err(errno),
                    }
                }
                Err(errno) => return Err(errno),
            }
        }
        Ok(self.current)
    }

    fn step_to(&mut self, name: &OsStr, directory: OwnedFd) {
        self.done.push(name);
        self.current = directory;
    }

    fn step_back(&mut self) -> Result<()> {
        // A name that was missing a moment ago is no place to come back from.
        if self.has_made {
            return Err(Errno::INVAL);
        }
        self.done.pop();
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        self.current = open_in_root(self.root, &self.done, flags)?;
        Ok(())
    }

    fn follow(&mut self, link: &OwnedFd) -> Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::LOOP);
        }
        let target = rustix::fs::readlinkat(link, "", Vec::new())?;
        let target = Path::new(OsStr::from_bytes(target.as_bytes())).to_owned();
        if target.is_absolute() {
            self.done = PathBuf::from("/");
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            self.current = open_in_root(self.root, &self.done, flags)?;
        }
        self.push(&target);
        Ok(())
    }
}

fn open_name(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
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

    #[test]
    fn what_a_dangling_link_names_is_made_inside() {
        let name = format!("wharf-dangling-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        for (link, target) in [
            ("jump", "/made/here"),
            ("last", "../../../jump/file"),
            ("round", "/round"),
        ] {
            std::os::unix::fs::symlink(target, directory.join(link)).unwrap();
        }
        let root = root(&directory);
        create_file_in_root(root.as_fd(), Path::new("/last"), 0o600).unwrap();
        assert!(directory.join("made/here/file").is_file());
        create_dir_all_in_root(root.as_fd(), Path::new("/jump/a"), 0o755).unwrap();
        assert!(directory.join("made/here/a").is_dir());
        let round = create_dir_all_in_root(root.as_fd(), Path::new("/round/x"), 0o755);
        assert_eq!(round.unwrap_err(), Errno::LOOP);
        let plain = |path| create_dir_all_without_links(root.as_fd(), Path::new(path), 0o755);
        assert_eq!(plain("/jump/a").unwrap_err(), Errno::LOOP);
        plain("/none/x").unwrap();
        assert!(directory.join("none/x").is_dir());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
