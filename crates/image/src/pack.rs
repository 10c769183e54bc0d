//! From a tree on the disk to a layer's archive: sorted, with everything that a layer can say, and
//! overlayfs' marks as those of archives. The same tree gives the same bytes.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, major, minor};
use rustix::io::Errno;

use crate::Error;
use crate::tar::{Entry, Kind, Writer};
use crate::unpack::Rights;
use crate::walk::{self, Mark, Met};

/// Larger than any value that a file has (the kernel's own limit).
const LARGEST_ATTRIBUTE: usize = 64 * 1024;

/// How trees are packed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing {
    /// Whose files these are: an ordinary user's are all root's in the archive.
    pub(crate) rights: Rights,
    /// No member is younger (seconds since 1970).
    pub(crate) epoch: Option<i64>,
}

/// An archive being made.
pub(crate) struct Packer<'a> {
    archive: Writer<&'a mut dyn Write>,
    packing: Packing,
    /// First names of files with several, by which tree, device and number.
    first_names: HashMap<(usize, u64, u64), PathBuf>,
}

/// Packs a layer: a directory in overlayfs' form, without `skipped` paths.
pub(crate) fn layer(
    root: &Path,
    packing: Packing,
    skipped: &[&str],
    out: &mut dyn Write,
) -> Result<(), Error> {
    let fd = walk::open(root)?;
    let mut packer = Packer::new(out, packing);
    walk::walk(&fd, root, &mut |met| {
        let is_skipped = |skipped: &&str| met.path == Path::new(skipped);
        match skipped.iter().any(is_skipped) {
            true => Ok(()),
            false => packer.add(met, 0, root),
        }
    })?;
    packer.finish()
}

impl<'a> Packer<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, packing: Packing) -> Self {
        Self {
            archive: Writer::new(out),
            packing,
            first_names: HashMap::new(),
        }
    }

    /// Adds a file; `tree` tells files of different trees apart, `shown` names it in errors.
    pub(crate) fn add(&mut self, met: &Met<'_>, tree: usize, shown: &Path) -> Result<(), Error> {
        let whole = shown.join(met.path);
        if met.mark == Mark::Whiteout {
            let name = [b".wh.", met.name.as_bytes()].concat();
            let path = met.path.with_file_name(OsStr::from_bytes(&name));
            return self.mark(&path, &whole);
        }
        let Some(kind) = kind(met).map_err(Error::errno("reading", &whole))? else {
            return Ok(());
        };
        let mut entry = Entry::new(met.path, kind, met.stat.st_mode & 0o7777);
        self.describe(&mut entry, met);
        let shared = met.stat.st_nlink > 1 && !met.is_directory();
        if shared {
            let inode = (tree, met.stat.st_dev, met.stat.st_ino);
            if let Some(first) = self.first_names.get(&inode) {
                entry.kind = Kind::HardLink(first.clone());
                return self.append(&entry, io::empty(), &whole);
            }
            self.first_names.insert(inode, met.path.to_owned());
        }
        match met.kind() {
            FileType::RegularFile => {
                let Some(file) = open(met).map_err(Error::errno("opening", &whole))? else {
                    return Ok(());
                };
                let file = File::from(file);
                let metadata = file.metadata();
                entry.size = metadata.map_err(Error::io("looking at", &whole))?.len();
                entry.xattrs = attributes(&file).map_err(Error::errno("reading", &whole))?;
                self.append(&entry, file, &whole)
            }
            FileType::Directory => {
                if let Some(directory) = open(met).map_err(Error::errno("opening", &whole))? {
                    entry.xattrs =
                        attributes(directory).map_err(Error::errno("reading", &whole))?;
                }
                self.append(&entry, io::empty(), &whole)?;
                match met.mark {
                    Mark::Opaque => self.mark(&met.path.join(".wh..wh..opq"), &whole),
                    _ => Ok(()),
                }
            }
            _ => self.append(&entry, io::empty(), &whole),
        }
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        let finished = self.archive.finish();
        finished
            .map(drop)
            .map_err(Error::stream("writing the archive"))
    }

    fn describe(&self, entry: &mut Entry, met: &Met<'_>) {
        if self.packing.rights == Rights::Root {
            (entry.uid, entry.gid) = (met.stat.st_uid, met.stat.st_gid);
        }
        let nanos = u32::try_from(met.stat.st_mtime_nsec).unwrap_or_default();
        entry.mtime = match self.packing.epoch {
            Some(epoch) if met.stat.st_mtime >= epoch => (epoch, 0),
            _ => (met.stat.st_mtime, nanos),
        };
    }

    fn mark(&mut self, path: &Path, whole: &Path) -> Result<(), Error> {
        let mut entry = Entry::new(path, Kind::File, 0o644);
        entry.mtime = (self.packing.epoch.unwrap_or_default(), 0);
        self.append(&entry, io::empty(), whole)
    }

    fn append(&mut self, entry: &Entry, content: impl io::Read, whole: &Path) -> Result<(), Error> {
        self.archive
            .append(entry, content)
            .map_err(Error::io("packing", whole))
    }
}

/// What a file is in an archive; `None` for a socket, which only its maker can serve.
fn kind(met: &Met<'_>) -> Result<Option<Kind>, Errno> {
    let device = met.stat.st_rdev;
    Ok(Some(match met.kind() {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(met.directory, met.name, Vec::new())?;
            Kind::SymbolicLink(OsString::from_vec(target.into_bytes()).into())
        }
        FileType::Fifo => Kind::Fifo,
        FileType::CharacterDevice => Kind::CharacterDevice(major(device), minor(device)),
        FileType::BlockDevice => Kind::BlockDevice(major(device), minor(device)),
        _ => return Ok(None),
    }))
}

/// Opens what was met; `None` when it is something else by now.
fn open(met: &Met<'_>) -> Result<Option<OwnedFd>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(met.directory, met.name, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
        fd => fd?,
    };
    let now = rustix::fs::fstat(&fd)?;
    let same = FileType::from_raw_mode(now.st_mode) == met.kind();
    Ok(same.then_some(fd))
}

/// The extended attributes that a layer may have.
fn attributes(
    file: impl std::os::fd::AsFd,
) -> Result<std::collections::BTreeMap<OsString, Vec<u8>>, Errno> {
    let mut found = std::collections::BTreeMap::new();
    let mut names = vec![0; LARGEST_ATTRIBUTE];
    let length = match rustix::fs::flistxattr(&file, names.as_mut_slice()) {
        Err(Errno::NOTSUP) => return Ok(found),
        length => length?,
    };
    names.truncate(length);
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        if !crate::unpack::may_have(OsStr::from_bytes(name)) {
            continue;
        }
        let mut value = vec![0; LARGEST_ATTRIBUTE];
        let length = match rustix::fs::fgetxattr(&file, name, value.as_mut_slice()) {
            Err(Errno::NODATA) => continue,
            length => length?,
        };
        value.truncate(length);
        found.insert(OsString::from_vec(name.to_vec()), value);
    }
    Ok(found)
}
