//! The loop over a layer's members: where each goes, and what waits for the end.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::attributes::Owner;
use super::error::failed;
use super::limits::{Limited, Limits};
use super::name::{Place, place};
use super::whiteout::{self, Mark};
use super::{Error, Rights, attributes, make};
use crate::tar::{Entry, Kind, Reader};

/// Of a directory that the layer uses without describing it.
const IMPLIED_MODE: u32 = 0o755;

/// Makes the directory of a layer and opens it.
///
/// # Errors
/// When it is there already, or cannot be made.
pub fn make_root(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::mkdir(path, Mode::from_raw_mode(IMPLIED_MODE))
        .and_then(|()| rustix::fs::openat(rustix::fs::CWD, path, flags, Mode::empty()))
        .map_err(|errno| failed("making", path, errno))
}

/// Unpacks the archive in `stream` into the empty directory `root`, reads the stream to its end
/// and gives it back.
///
/// # Errors
/// At the first member that is refused or fails; what was unpacked before it stays.
pub fn unpack<R: Read>(
    root: BorrowedFd<'_>,
    stream: R,
    rights: Rights,
    limits: &Limits,
) -> Result<R, Error> {
    let mut unpacking = Unpacking {
        root,
        rights,
        is_roots: is_roots(root)?,
        parent: None,
        directories: BTreeMap::from([(PathBuf::new(), implied(Path::new("")))]),
    };
    let mut archive = Reader::new(Limited::new(stream, limits));
    let mut entries = 0;
    while let Some(entry) = archive.next_entry()? {
        entries += 1;
        if entries > limits.entries {
            return Err(Error::TooMany(limits.entries));
        }
        attributes::check(&entry)?;
        match place(&entry.path)? {
            Some(place) => unpacking.member(entry, &place, &mut archive)?,
            None if entry.kind == Kind::Directory => {
                unpacking.directories.insert(PathBuf::new(), entry);
            }
            None => {
                return Err(Error::Forbidden {
                    path: entry.path,
                    what: "a root that is no directory",
                });
            }
        }
    }
    unpacking.finish()?;
    let mut rest = archive.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).map_err(Error::Stream)?;
    Ok(rest.into_inner())
}

fn implied(path: &Path) -> Entry {
    Entry::new(path, Kind::Directory, IMPLIED_MODE)
}

/// Whether files that this process makes below a new directory are root's, user and group.
fn is_roots(root: BorrowedFd<'_>) -> Result<bool, Error> {
    let there =
        rustix::fs::fstat(root).map_err(|errno| failed("looking at", Path::new("/"), errno))?;
    let ours = rustix::process::geteuid().is_root() && rustix::process::getegid().is_root();
    Ok(ours && (there.st_uid, there.st_gid) == (0, 0))
}

struct Unpacking<'a> {
    root: BorrowedFd<'a>,
    rights: Rights,
    /// New files are root's: what is made in a directory of root's has its group, however the file
    /// system gives groups.
    is_roots: bool,
    /// The directory of the last member: most archives go through one after the other.
    parent: Option<(PathBuf, OwnedFd)>,
    /// Their modes and times are set last: a directory may be read-only, and making a file in it
    /// changes its time.
    directories: BTreeMap<PathBuf, Entry>,
}

impl Unpacking<'_> {
    fn member(
        &mut self,
        entry: Entry,
        place: &Place,
        content: &mut Reader<impl Read>,
    ) -> Result<(), Error> {
        let mark = whiteout::mark(&entry.path, &place.name)?;
        let parent = self.open_parent(&entry.path, &place.parent)?;
        let hidden = |errno| failed("hiding what is below", &entry.path, errno);
        match mark {
            Mark::Opaque => whiteout::make_opaque(&parent, self.rights).map_err(hidden)?,
            Mark::Hidden(name) => {
                whiteout::hide(parent.as_fd(), &name, self.rights).map_err(hidden)?;
            }
            Mark::None => self.make(entry, place, parent.as_fd(), content)?,
        }
        self.parent = Some((place.parent.clone(), parent));
        Ok(())
    }

    /// The directory at `path`, made if need be.
    fn open_parent(&mut self, member: &Path, path: &Path) -> Result<OwnedFd, Error> {
        if let Some((there, fd)) = self.parent.take()
            && there == path
        {
            return Ok(fd);
        }
        let absolute = Path::new("/").join(path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match sys::path::open_in_root(self.root, &absolute, flags) {
            Err(Errno::NOENT) => {}
            other => return other.map_err(|e| failed("opening the directory of", member, e)),
        }
        for missing in path.ancestors() {
            let directory = || implied(missing);
            self.directories
                .entry(missing.to_owned())
                .or_insert_with(directory);
        }
        sys::path::create_dir_all_in_root(self.root, &absolute, IMPLIED_MODE)
            .and_then(|_| sys::path::open_in_root(self.root, &absolute, flags))
            .map_err(|errno| failed("making the directory of", member, errno))
    }

    fn make(
        &mut self,
        entry: Entry,
        place: &Place,
        parent: BorrowedFd<'_>,
        content: &mut Reader<impl Read>,
    ) -> Result<(), Error> {
        let member = make::Member {
            root: self.root,
            parent,
            name: &place.name,
            entry: &entry,
            rights: self.rights,
            is_roots: self.is_roots,
        };
        if entry.kind == Kind::Directory {
            member.directory()?;
            self.directories
                .insert(place.parent.join(&place.name), entry);
            return Ok(());
        }
        if entry.kind != Kind::File {
            member.clear()?;
        }
        match &entry.kind {
            Kind::HardLink(target) => member.hard_link(target),
            Kind::SymbolicLink(target) => member.symbolic_link(target),
            Kind::Fifo => member.fifo(),
            Kind::CharacterDevice(major, minor) => {
                member.device(FileType::CharacterDevice, *major, *minor)
            }
            Kind::BlockDevice(major, minor) => member.device(FileType::BlockDevice, *major, *minor),
            Kind::File | Kind::Directory => member.file(content),
        }
    }

    /// Sets what was kept for the end, the deepest directories first.
    fn finish(self) -> Result<(), Error> {
        for (path, entry) in self.directories.iter().rev() {
            let directory = match self.open_again(path) {
                // A later member replaced it by something else.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                directory => directory,
            };
            directory
                .and_then(|fd| attributes::set(fd.as_fd(), entry, self.rights, Owner::Any))
                .map_err(|errno| failed("setting the attributes of", path, errno))?;
        }
        Ok(())
    }

    /// Opens a directory that was made; not what a link now at its place leads to.
    fn open_again(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return sys::path::open_in_root(self.root, Path::new("/"), flags);
        };
        let parent = sys::path::open_in_root(self.root, &Path::new("/").join(parent), flags)?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(parent, name, flags, Mode::empty())
    }
}
