//! Copying a tree from one open directory to another, whichever side each is on.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, SeekFrom, Stat, openat, readlinkat, seek, statat,
};
use rustix::io::Errno;

use super::ids::Owners;
use super::place::{Source, Target};
use super::write::{self, Attributes};
use super::{Copied, CopyOptions, Meter};
use crate::Error;

/// Deeper trees are refused: each level holds two open directories.
const DEEPEST: usize = 400;

/// A part of a file that is copied at a time.
const CHUNK: usize = 8 << 20;

/// Files up to this size are read and written by us.
const SMALL: usize = 32 << 10;

/// The work of one copy.
pub(super) struct Tree<'a> {
    owners: Owners,
    options: CopyOptions,
    meter: Meter<'a>,
    copied: Copied,
    /// What became of files with several names, by device and number.
    links: HashMap<(u64, u64), OwnedFd>,
    /// The directory that is copied into: it is not copied into itself.
    into: Option<(u64, u64)>,
}

/// As many descriptors are kept for further names of files; what comes then is copied once more.
const MOST_LINKS: usize = 256;

/// A file that is met.
struct Met<'a> {
    directory: BorrowedFd<'a>,
    name: &'a OsStr,
    stat: Stat,
    shown: PathBuf,
}

/// Where it goes.
#[derive(Clone, Copy)]
struct Place<'a> {
    directory: BorrowedFd<'a>,
    name: &'a OsStr,
    shown: &'a Path,
}

impl Place<'_> {
    fn failed(&self, errno: Errno) -> Error {
        match errno {
            Errno::ISDIR => refused(self.shown, "it is a directory"),
            Errno::NOTDIR | Errno::LOOP => refused(self.shown, "it is no directory"),
            errno => Error::io("making", self.shown, errno),
        }
    }
}

fn refused(shown: &Path, why: &str) -> Error {
    Error::Invalid {
        what: "copy",
        why: format!("{} cannot be replaced: {why}", shown.display()),
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

impl<'a> Tree<'a> {
    pub(super) fn new(owners: Owners, options: CopyOptions, meter: Meter<'a>) -> Self {
        Self {
            owners,
            options,
            meter,
            copied: Copied::default(),
            links: HashMap::new(),
            into: None,
        }
    }

    /// Copies everything.
    pub(super) fn copy(mut self, source: Source, target: &Target) -> Result<Copied, Error> {
        let failed = |errno| Error::io("reading", &source.shown, errno);
        let directory = match target {
            Target::Within(directory) | Target::Named(directory, ..) => directory,
        };
        self.into = rustix::fs::fstat(directory).ok().as_ref().map(identity);
        let from = || {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            openat(&source.fd, ".", flags, Mode::empty()).map_err(failed)
        };
        let (name, shown) = match target {
            Target::Within(directory) => {
                self.children(&from()?, directory.as_fd(), &source.shown, Path::new(""), 0)?;
                return Ok(self.copied);
            }
            Target::Named(_, name, shown) => (name, shown),
        };
        let place = Place {
            directory: directory.as_fd(),
            name,
            shown,
        };
        match source.kind() {
            FileType::Directory => {
                self.directory(&from()?, &source.stat, place, &source.shown, 0)?;
            }
            FileType::RegularFile => {
                let own = format!("/proc/self/fd/{}", source.fd.as_raw_fd());
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let file = openat(CWD, own, flags, Mode::empty()).map_err(failed)?;
                self.file(file.into(), &source.stat, place, &source.shown)?;
            }
            FileType::Symlink => {
                let link = readlinkat(&source.fd, "", Vec::new()).map_err(failed)?;
                self.link(OsStr::from_bytes(link.to_bytes()), &source.stat, place)?;
            }
            FileType::Fifo => self.fifo(&source.stat, place)?,
            _ => {
                return Err(Error::Unsupported {
                    what: format!("copying {}", source.shown.display()),
                    why: "it is a device or a socket",
                });
            }
        }
        Ok(self.copied)
    }

    /// Copies what is in a directory.
    fn children(
        &mut self,
        from: &OwnedFd,
        to: BorrowedFd<'_>,
        shown: &Path,
        shown_there: &Path,
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
                // It went away meanwhile.
                Err(Errno::NOENT) => continue,
                stat => stat.map_err(failed)?,
            };
            let met = Met {
                directory: from.as_fd(),
                name: &name,
                stat,
                shown: shown.join(&name),
            };
            let place = Place {
                directory: to,
                name: &name,
                shown: &shown_there.join(&name),
            };
            self.child(&met, place, depth)?;
        }
        Ok(())
    }

    fn child(&mut self, met: &Met<'_>, place: Place<'_>, depth: usize) -> Result<(), Error> {
        let failed = |errno| Error::io("reading", &met.shown, errno);
        let open = |flags: OFlags| {
            let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(met.directory, met.name, flags, Mode::empty()) {
                // It is something else by now.
                Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => Ok(None),
                opened => opened.map(Some).map_err(failed),
            }
        };
        match FileType::from_raw_mode(met.stat.st_mode) {
            FileType::Directory => match open(OFlags::DIRECTORY)? {
                Some(_) if Some(identity(&met.stat)) == self.into => {}
                Some(from) => self.directory(&from, &met.stat, place, &met.shown, depth + 1)?,
                None => {}
            },
            FileType::RegularFile => {
                if met.stat.st_nlink > 1 && self.make_further_name(&met.stat, place) {
                    return Ok(());
                }
                let Some(file) = open(OFlags::NONBLOCK)? else {
                    return Ok(());
                };
                let stat = rustix::fs::fstat(&file).map_err(failed)?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                    self.file(file.into(), &stat, place, &met.shown)?;
                }
            }
            FileType::Symlink => match readlinkat(met.directory, met.name, Vec::new()) {
                Err(Errno::NOENT | Errno::INVAL) => {}
                link => {
                    let link = link.map_err(failed)?;
                    self.link(OsStr::from_bytes(link.to_bytes()), &met.stat, place)?;
                }
            },
            FileType::Fifo => self.fifo(&met.stat, place)?,
            _ => self.copied.passed_over.push(met.shown.clone()),
        }
        Ok(())
    }

    fn attributes(&self, stat: &Stat, shown: &Path) -> Result<Attributes, Error> {
        let owner = self.owners.of(stat.st_uid, stat.st_gid);
        let owner = owner.ok_or_else(|| Error::Invalid {
            what: "owner",
            why: format!(
                "{} belongs to {}:{}, which the container has no ids for",
                shown.display(),
                stat.st_uid,
                stat.st_gid
            ),
        })?;
        let attributes = Attributes {
            owner,
            mode: stat.st_mode,
            modified: (stat.st_mtime, stat.st_mtime_nsec as i64),
        };
        Ok(match self.options.archive && self.owners.are_kept() {
            true => attributes,
            false => attributes.with_own_rights(),
        })
    }

    fn directory(
        &mut self,
        from: &OwnedFd,
        stat: &Stat,
        place: Place<'_>,
        shown: &Path,
        depth: usize,
    ) -> Result<(), Error> {
        let attributes = self.attributes(stat, place.shown)?;
        let made = write::directory(place.directory, place.name);
        let made = made.map_err(|errno| place.failed(errno))?;
        self.children(from, made.as_fd(), shown, place.shown, depth)?;
        attributes
            .set(made.as_fd())
            .map_err(|errno| place.failed(errno))
    }

    fn file(
        &mut self,
        from: File,
        stat: &Stat,
        place: Place<'_>,
        shown: &Path,
    ) -> Result<(), Error> {
        let attributes = self.attributes(stat, place.shown)?;
        let to = write::file(place.directory, place.name);
        let to = to.map_err(|errno| place.failed(errno))?;
        let is_sparse = stat.st_blocks.saturating_mul(512) < stat.st_size;
        match (is_sparse, stat.st_size) {
            (true, size) if size > SMALL as i64 => self.sparse_content(&from, &to, size),
            (_, size) if size <= SMALL as i64 => self.small_content(&from, &to, size),
            _ => self.content(&from, &to, u64::MAX),
        }
        .map_err(|error| Error::io("copying", shown, error))?;
        attributes
            .set(to.as_fd())
            .map_err(|errno| place.failed(errno))?;
        if stat.st_nlink > 1 && self.links.len() < MOST_LINKS {
            self.links.insert(identity(stat), to.into());
        }
        Ok(())
    }

    /// Copies all of a file that is probably small: asking the kernel to do it would take longer.
    fn small_content(&mut self, from: &File, to: &File, size: i64) -> std::io::Result<()> {
        let mut small = [0; SMALL];
        let mut left = u64::try_from(size).unwrap_or_default();
        loop {
            let count = std::io::Read::read(&mut &*from, &mut small)?;
            std::io::Write::write_all(&mut &*to, small.get(..count).unwrap_or_default())?;
            self.copied.bytes += count as u64;
            left = left.saturating_sub(count as u64);
            // Files of the kernel's say that they are empty.
            if count == 0 || (left == 0 && size > 0) {
                (self.meter)(self.copied.bytes);
                return Ok(());
            }
        }
    }

    /// Copies so many bytes from where both files stand, or all there are.
    fn content(&mut self, from: &File, to: &File, most: u64) -> std::io::Result<()> {
        let mut left = most;
        while left > 0 {
            let part = left.min(CHUNK as u64);
            let count = std::io::copy(&mut std::io::Read::take(from, part), &mut &*to)?;
            if count == 0 {
                break;
            }
            left -= count;
            self.copied.bytes += count;
            (self.meter)(self.copied.bytes);
        }
        Ok(())
    }

    /// Copies the parts of a file that are not holes.
    fn sparse_content(&mut self, from: &File, to: &File, size: i64) -> std::io::Result<()> {
        let mut at = 0;
        loop {
            let begin = match seek(from, SeekFrom::Data(at)) {
                Err(Errno::NXIO) => break,
                Err(Errno::INVAL) => {
                    seek(from, SeekFrom::Start(0))?;
                    return self.content(from, to, u64::MAX);
                }
                begin => begin?,
            };
            let end = seek(from, SeekFrom::Hole(begin))?;
            seek(from, SeekFrom::Start(begin))?;
            seek(to, SeekFrom::Start(begin))?;
            self.content(from, to, end - begin)?;
            at = end;
        }
        to.set_len(u64::try_from(size).unwrap_or_default())
    }

    fn link(&mut self, target: &OsStr, stat: &Stat, place: Place<'_>) -> Result<(), Error> {
        let attributes = self.attributes(stat, place.shown)?;
        write::link(place.directory, place.name, target)
            .and_then(|()| attributes.set_link(place.directory, place.name))
            .map_err(|errno| place.failed(errno))
    }

    fn fifo(&mut self, stat: &Stat, place: Place<'_>) -> Result<(), Error> {
        let attributes = self.attributes(stat, place.shown)?;
        write::fifo(place.directory, place.name)
            .and_then(|fifo| attributes.set(fifo.as_fd()))
            .map_err(|errno| place.failed(errno))
    }

    /// Gives a file that was copied already its further name; false when it has to be copied.
    fn make_further_name(&self, stat: &Stat, place: Place<'_>) -> bool {
        self.links
            .get(&identity(stat))
            .is_some_and(|file| write::hard_link(file, place.directory, place.name).is_ok())
    }
}
