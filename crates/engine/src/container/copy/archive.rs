//! A copy as a tar stream: packing a tree of a container, and unpacking into one of its directories.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use image::tar::{Entry, Kind, Reader, Writer};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};
use rustix::io::Errno;

use super::Copied;
use super::ids::Ids;
use super::place::Source;
use super::root::ContainerRoot;
use super::write::{self, Attributes};
use crate::Error;

/// Deeper trees are refused: each level holds an open directory.
const DEEPEST: usize = 800;

/// Writes a source to an archive.
pub(super) fn pack(source: Source, ids: &Ids, out: &mut dyn Write) -> Result<Copied, Error> {
    let mut packing = Packing {
        archive: Writer::new(out),
        ids,
        copied: Copied::default(),
        names: BTreeMap::new(),
    };
    let failed = |errno| Error::io("reading", &source.shown, errno);
    let name = match source.content_only {
        true => PathBuf::new(),
        false => PathBuf::from(&source.name),
    };
    if source.is_directory() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let from = openat(&source.fd, ".", flags, Mode::empty()).map_err(failed)?;
        if !source.content_only {
            packing.append(&name, Kind::Directory, &source.stat, io::empty(), 0)?;
        }
        packing.children(&from, &name, &source.shown, 0)?;
    } else {
        let kind = FileType::from_raw_mode(source.stat.st_mode);
        let link = || readlinkat(&source.fd, "", Vec::new());
        let own = format!("/proc/self/fd/{}", source.fd.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = || openat(CWD, &own, flags, Mode::empty());
        packing.file(&name, kind, &source.stat, link, open, &source.shown)?;
    }
    let finished = packing.archive.finish();
    finished.map_err(|error| Error::io("writing", Path::new("the archive"), error))?;
    Ok(packing.copied)
}

struct Packing<'a> {
    archive: Writer<&'a mut dyn Write>,
    ids: &'a Ids,
    copied: Copied,
    /// The first names of files with several, by device and number.
    names: BTreeMap<(u64, u64), PathBuf>,
}

impl Packing<'_> {
    fn children(
        &mut self,
        from: &OwnedFd,
        path: &Path,
        shown: &Path,
        depth: usize,
    ) -> Result<(), Error> {
        let failed = |errno| Error::io("reading", shown, errno);
        if depth > DEEPEST {
            return Err(failed(Errno::NAMETOOLONG));
        }
        for entry in Dir::read_from(from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let name = OsString::from_vec(name.to_vec());
            let stat = match statat(from, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => stat.map_err(failed)?,
            };
            let (path, shown) = (path.join(&name), shown.join(&name));
            let kind = FileType::from_raw_mode(stat.st_mode);
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if kind == FileType::Directory {
                let below = openat(from, &name, flags | OFlags::DIRECTORY, Mode::empty());
                let below = match below {
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                    below => below.map_err(failed)?,
                };
                self.append(&path, Kind::Directory, &stat, io::empty(), 0)?;
                self.children(&below, &path, &shown, depth + 1)?;
                continue;
            }
            let link = || readlinkat(from, &name, Vec::new());
            let open = || openat(from, &name, flags | OFlags::NONBLOCK, Mode::empty());
            self.file(&path, kind, &stat, link, open, &shown)?;
        }
        Ok(())
    }

    /// Adds what is no directory; what became something else meanwhile is passed over.
    fn file(
        &mut self,
        path: &Path,
        kind: FileType,
        stat: &Stat,
        link: impl Fn() -> Result<std::ffi::CString, Errno>,
        open: impl Fn() -> Result<OwnedFd, Errno>,
        shown: &Path,
    ) -> Result<(), Error> {
        let failed = |errno| Error::io("reading", shown, errno);
        if let Some(first) = self.names.get(&(stat.st_dev, stat.st_ino)) {
            let first = Kind::HardLink(first.clone());
            return self.append(path, first, stat, io::empty(), 0);
        }
        if stat.st_nlink > 1 {
            self.names
                .insert((stat.st_dev, stat.st_ino), path.to_owned());
        }
        let device = (
            rustix::fs::major(stat.st_rdev),
            rustix::fs::minor(stat.st_rdev),
        );
        let kind = match kind {
            FileType::RegularFile => {
                let file = match open() {
                    Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(()),
                    file => file.map_err(failed)?,
                };
                let stat = rustix::fs::fstat(&file).map_err(failed)?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                    return Ok(());
                }
                let size = u64::try_from(stat.st_size).unwrap_or_default();
                self.copied.bytes += size;
                return self.append(path, Kind::File, &stat, File::from(file), size);
            }
            FileType::Symlink => match link() {
                Err(Errno::NOENT | Errno::INVAL) => return Ok(()),
                link => {
                    let link = link.map_err(failed)?.into_bytes();
                    Kind::SymbolicLink(OsString::from_vec(link).into())
                }
            },
            FileType::Fifo => Kind::Fifo,
            FileType::CharacterDevice => Kind::CharacterDevice(device.0, device.1),
            FileType::BlockDevice => Kind::BlockDevice(device.0, device.1),
            _ => {
                self.copied.passed_over.push(shown.to_owned());
                return Ok(());
            }
        };
        self.append(path, kind, stat, io::empty(), 0)
    }

    fn append(
        &mut self,
        path: &Path,
        kind: Kind,
        stat: &Stat,
        content: impl Read,
        size: u64,
    ) -> Result<(), Error> {
        let mut entry = Entry::new(path, kind, stat.st_mode & 0o7777);
        entry.uid = self.ids.users.inside(stat.st_uid);
        entry.gid = self.ids.groups.inside(stat.st_gid);
        entry.size = size;
        let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
        entry.mtime = (stat.st_mtime, nanos);
        self.archive
            .append(&entry, content)
            .map_err(|error| Error::io("writing", path, error))
    }
}

/// Unpacks an archive in `directory`, which is `path` of the container `name`.
pub(super) fn unpack(
    stream: &mut dyn Read,
    root: &ContainerRoot,
    directory: &OwnedFd,
    path: &Path,
    name: &str,
) -> Result<Copied, Error> {
    let mut unpacking = Unpacking {
        root,
        directory,
        path: Path::new("/").join(path),
        name,
        copied: Copied::default(),
        directories: Vec::new(),
    };
    let malformed = |error: image::tar::ReadError| Error::Invalid {
        what: "archive",
        why: error.to_string(),
    };
    let mut archive = Reader::new(stream);
    while let Some(entry) = archive.next_entry().map_err(malformed)? {
        unpacking.member(&entry, &mut archive)?;
    }
    // Making files in a directory changes its time, and it may be read-only.
    for (made, attributes) in unpacking.directories.iter().rev() {
        let set = attributes.set(made.as_fd());
        set.map_err(|errno| Error::io("finishing", &unpacking.path, errno))?;
    }
    Ok(unpacking.copied)
}

struct Unpacking<'a> {
    root: &'a ContainerRoot,
    directory: &'a OwnedFd,
    path: PathBuf,
    name: &'a str,
    copied: Copied,
    directories: Vec<(OwnedFd, Attributes)>,
}

/// As many directories get their attributes at the end; the others at once.
const MOST_DIRECTORIES: usize = 256;

impl Unpacking<'_> {
    fn shown(&self, member: &Path) -> PathBuf {
        format!("{}:{}", self.name, self.path.join(member).display()).into()
    }

    fn member(&mut self, entry: &Entry, content: &mut impl Read) -> Result<(), Error> {
        let member = inner(&entry.path)?;
        let Some(name) = member.file_name() else {
            // The directory itself.
            return Ok(());
        };
        let shown = self.shown(&member);
        let failed = |errno| Error::io("making", &shown, errno);
        let parent = self.parent(member.parent().unwrap_or(Path::new("")));
        let parent = parent.map_err(failed)?;
        let attributes = self.attributes(entry, &shown)?;
        match &entry.kind {
            Kind::Directory => {
                let made = write::directory(parent.as_fd(), name).map_err(failed)?;
                match self.directories.len() < MOST_DIRECTORIES {
                    true => self.directories.push((made, attributes)),
                    false => attributes.set(made.as_fd()).map_err(failed)?,
                }
            }
            Kind::File => {
                let mut file = write::file(parent.as_fd(), name).map_err(failed)?;
                let count = io::copy(content, &mut file);
                self.copied.bytes += count.map_err(|error| Error::io("writing", &shown, error))?;
                attributes.set(file.as_fd()).map_err(failed)?;
            }
            Kind::SymbolicLink(target) => {
                write::link(parent.as_fd(), name, target.as_os_str()).map_err(failed)?;
                attributes.set_link(parent.as_fd(), name).map_err(failed)?;
            }
            Kind::HardLink(target) => {
                let file = self.first_name(&inner(target)?).map_err(failed)?;
                write::hard_link(&file, parent.as_fd(), name).map_err(failed)?;
            }
            Kind::Fifo => {
                let fifo = write::fifo(parent.as_fd(), name).map_err(failed)?;
                attributes.set(fifo.as_fd()).map_err(failed)?;
            }
            Kind::CharacterDevice(..) | Kind::BlockDevice(..) => {
                self.copied.passed_over.push(shown);
            }
        }
        Ok(())
    }

    /// The directory of a member, made if need be, resolved with the container's root as the root.
    fn parent(&self, path: &Path) -> Result<OwnedFd, Errno> {
        if path.as_os_str().is_empty() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            return openat(self.directory, ".", flags, Mode::empty());
        }
        let whole = self.path.join(path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match sys::path::open_in_root(self.root.as_fd(), &whole, flags) {
            Err(Errno::NOENT) => {
                sys::path::create_dir_all_in_root(self.root.as_fd(), &whole, 0o755)?;
                sys::path::open_in_root(self.root.as_fd(), &whole, flags)
            }
            opened => opened,
        }
    }

    fn first_name(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW;
        sys::path::open_in_root(self.root.as_fd(), &self.path.join(path), flags)
    }

    fn attributes(&self, entry: &Entry, shown: &Path) -> Result<Attributes, Error> {
        let ids = self.root.ids();
        let owner = ids
            .users
            .outside(entry.uid)
            .zip(ids.groups.outside(entry.gid));
        let owner = owner.ok_or_else(|| Error::Invalid {
            what: "archive",
            why: format!(
                "{} belongs to {}:{}, which the container has no ids for",
                shown.display(),
                entry.uid,
                entry.gid
            ),
        })?;
        Ok(Attributes {
            owner,
            mode: entry.mode,
            modified: (entry.mtime.0, i64::from(entry.mtime.1)),
        })
    }
}

/// A member's path below the directory; one that leads out of it is refused.
fn inner(path: &Path) -> Result<PathBuf, Error> {
    let mut inner = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inner.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(Error::Invalid {
                    what: "archive",
                    why: format!(
                        "{:?} leads out of the directory",
                        path.display().to_string()
                    ),
                });
            }
        }
    }
    Ok(inner)
}
