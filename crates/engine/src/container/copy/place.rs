//! What is copied and where it goes, by Docker's rules for paths: a directory goes into one that is
//! there, or becomes one that is not; its content alone with `/.` behind it; a link at the end of
//! the target is followed, one at the end of the source only when asked for.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::root::ContainerRoot;
use crate::Error;

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// One side of a copy.
#[derive(Clone, Copy)]
pub(super) enum Side<'a> {
    /// A container and its name.
    Inside(&'a ContainerRoot, &'a str),
    /// The host, as the caller sees it.
    Outside,
}

/// What is copied.
pub(super) struct Source {
    /// It itself (`O_PATH`).
    pub(super) fd: OwnedFd,
    pub(super) stat: Stat,
    /// What it is called in a directory that it goes into.
    pub(super) name: OsString,
    /// Of a directory: only what is in it.
    pub(super) content_only: bool,
    /// What the user calls it.
    pub(super) shown: PathBuf,
}

impl Source {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind() == FileType::Directory
    }
}

/// Where it goes.
pub(super) enum Target {
    /// Its content goes into this directory.
    Within(OwnedFd),
    /// It gets this name in this directory.
    Named(OwnedFd, OsString, PathBuf),
}

/// How a path ends.
struct Ending {
    /// It can only be a directory.
    is_directory: bool,
    /// The directory is not meant itself.
    is_content: bool,
}

impl Ending {
    fn of(path: &Path) -> Self {
        let bytes = path.as_os_str().as_bytes();
        let is_content = bytes == b"." || bytes.ends_with(b"/.");
        Self {
            is_content,
            is_directory: is_content || bytes.ends_with(b"/"),
        }
    }
}

impl Side<'_> {
    fn open(self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        match self {
            Self::Inside(root, _) => {
                sys::path::open_in_root(root.as_fd(), &Path::new("/").join(path), flags)
            }
            Self::Outside => rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty()),
        }
    }

    /// What the user calls a path.
    fn shown(self, path: &Path) -> PathBuf {
        match self {
            Self::Inside(_, name) => format!("{name}:{}", path.display()).into(),
            Self::Outside => path.to_owned(),
        }
    }

    fn failed(self, operation: &'static str, path: &Path, errno: Errno) -> Error {
        match errno {
            Errno::NOENT => Error::NoSuchFile {
                path: self.shown(path).display().to_string(),
            },
            errno => Error::io(operation, &self.shown(path), errno),
        }
    }

    /// A path that ends like a directory but is none.
    pub(super) fn not_a_directory(self, path: &Path) -> Error {
        self.failed("opening", path, Errno::NOTDIR)
    }

    /// Opens what is to be copied.
    pub(super) fn source(self, path: &Path, follow: bool) -> Result<Source, Error> {
        let ending = Ending::of(path);
        let mut flags = OFlags::PATH;
        flags |= match (ending.is_directory, follow) {
            (true, _) => OFlags::DIRECTORY,
            (false, true) => OFlags::empty(),
            (false, false) => OFlags::NOFOLLOW,
        };
        let failed = |errno| self.failed("opening", path, errno);
        let fd = self.open(path, flags).map_err(failed)?;
        let stat = rustix::fs::fstat(&fd).map_err(failed)?;
        let name = path.file_name().map(ToOwned::to_owned);
        Ok(Source {
            fd,
            stat,
            // The root, or `..`, has no name that it could keep.
            content_only: ending.is_content || name.is_none(),
            name: name.unwrap_or_default(),
            shown: self.shown(path),
        })
    }

    /// Finds where `source` goes.
    pub(super) fn target(self, path: &Path, source: &Source) -> Result<Target, Error> {
        let ending = Ending::of(path);
        match self.directory(path) {
            Ok(Target::Within(directory)) if source.is_directory() && source.content_only => {
                Ok(Target::Within(directory))
            }
            Ok(Target::Within(directory)) => {
                let shown = self.shown(path).join(&source.name);
                Ok(Target::Named(directory, source.name.clone(), shown))
            }
            Ok(Target::Named(..)) if ending.is_directory => Err(self.not_a_directory(path)),
            Ok(Target::Named(..)) if source.is_directory() => Err(Error::Invalid {
                what: "copy",
                why: format!(
                    "{} is a directory, and {} is none",
                    source.shown.display(),
                    self.shown(path).display()
                ),
            }),
            Ok(target) => Ok(target),
            Err(Error::NoSuchFile { .. }) if source.is_directory() || !ending.is_directory => {
                self.leaf(path)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens a directory that is there; what is none is given back by its name.
    pub(super) fn directory(self, path: &Path) -> Result<Target, Error> {
        match self.open(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(directory) => Ok(Target::Within(directory)),
            Err(Errno::NOTDIR) => self.leaf(path),
            Err(errno) => Err(self.failed("opening", path, errno)),
        }
    }

    /// The directory and the name that a path means in the end, through links that may lead to
    /// nothing yet.
    fn leaf(self, path: &Path) -> Result<Target, Error> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let Some(name) = path.file_name().map(ToOwned::to_owned) else {
                break;
            };
            let parent = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                _ => PathBuf::from("."),
            };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let directory = self
                .open(&parent, flags)
                .map_err(|errno| self.failed("opening", &parent, errno))?;
            match rustix::fs::readlinkat(&directory, &name, Vec::new()) {
                Ok(link) => path = parent.join(std::ffi::OsStr::from_bytes(link.to_bytes())),
                Err(_) => return Ok(Target::Named(directory, name, self.shown(&path))),
            }
        }
        Err(self.failed("following", &path, Errno::LOOP))
    }
}
