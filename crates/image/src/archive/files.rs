//! Files by their names in a directory or in an archive, read from any byte on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode, OFlags};

use crate::tar::{Kind, Reader};
use crate::{Error, tar};

/// More members than an archive of images has.
const MOST_MEMBERS: usize = 100_000;
/// Of a document that is read as a whole.
const LARGEST_DOCUMENT: u64 = 32 << 20;

/// Where files are.
#[derive(Debug)]
pub(super) enum Files {
    Directory(PathBuf, std::os::fd::OwnedFd),
    Archive(Arc<File>, Members),
}

/// For each name in an archive where its content begins and how long it is.
pub(super) type Members = BTreeMap<PathBuf, (u64, u64)>;

impl Files {
    /// The files below a directory.
    pub(super) fn directory(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty())
            .map_err(Error::errno("opening", path))?;
        Ok(Self::Directory(path.to_owned(), fd))
    }

    /// The members of an archive that is not compressed; `path` is its name in errors.
    pub(super) fn archive(file: File, path: &Path) -> Result<Self, Error> {
        let members = index(&file, path)?;
        Ok(Self::Archive(Arc::new(file), members))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Directory(_, _) => self.open(name, 0).is_ok_and(|file| file.is_some()),
            Self::Archive(_, members) => members.contains_key(Path::new(name)),
        }
    }

    /// A file from `offset` on, and its whole length; `None` when there is none.
    pub(super) fn open(&self, name: &str, offset: u64) -> Result<Option<(Part, u64)>, Error> {
        match self {
            Self::Directory(path, root) => {
                let inside = Path::new("/").join(name);
                let opened = sys::path::open_in_root(root.as_fd(), &inside, OFlags::RDONLY);
                let fd = match opened {
                    Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
                    opened => opened.map_err(Error::errno("opening", &path.join(name)))?,
                };
                let stat =
                    rustix::fs::fstat(&fd).map_err(Error::errno("looking at", &path.join(name)))?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                    return Ok(None);
                }
                let size = u64::try_from(stat.st_size).unwrap_or_default();
                let file = Arc::new(File::from(fd));
                Ok(Some((Part::new(file, offset.min(size), size), size)))
            }
            Self::Archive(file, members) => {
                let found = members.get(Path::new(name));
                Ok(found.map(|(start, size)| {
                    let from = start + offset.min(*size);
                    (Part::new(Arc::clone(file), from, start + size), *size)
                }))
            }
        }
    }

    /// A whole document.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let Some((part, size)) = self.open(name, 0)? else {
            return Err(Error::Unusable {
                what: self.name(),
                why: format!("{name} is missing in it"),
            });
        };
        if size > LARGEST_DOCUMENT {
            return Err(Error::Unusable {
                what: self.name(),
                why: format!("{name} is larger than {LARGEST_DOCUMENT} bytes"),
            });
        }
        let mut bytes = Vec::new();
        let mut part = part;
        part.read_to_end(&mut bytes)
            .map_err(Error::stream(&format!("reading {name}")))?;
        Ok(bytes)
    }

    /// As in errors.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Directory(path, _) => path.display().to_string(),
            Self::Archive(..) => "the archive".to_owned(),
        }
    }
}

/// A part of a file.
#[derive(Debug)]
pub(super) struct Part {
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl Part {
    fn new(file: Arc<File>, position: u64, end: u64) -> Self {
        Self {
            file,
            position,
            end,
        }
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let wanted = buffer.get_mut(..length).unwrap_or_default();
        let count = self.file.read_at(wanted, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// A stream that knows how far it is, and skips by seeking.
struct Counting<'a> {
    stream: BufReader<&'a File>,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

/// Finds the members of an archive. Links (which old versions of Docker wrote for equal layers)
/// mean what they lead to.
fn index(file: &File, path: &Path) -> Result<Members, Error> {
    let mut members = Members::new();
    let mut links = Vec::new();
    let mut start = file;
    start
        .seek(SeekFrom::Start(0))
        .map_err(Error::io("reading", path))?;
    let stream = Counting {
        stream: BufReader::with_capacity(1 << 16, file),
    };
    let mut reader = Reader::new(stream);
    let failed = |error| Error::Unusable {
        what: path.display().to_string(),
        why: match error {
            tar::ReadError::Malformed(malformed) => malformed.to_string(),
            tar::ReadError::Stream(error) => error.to_string(),
        },
    };
    while let Some(entry) = reader.next_entry().map_err(failed)? {
        let Some(name) = normal(&entry.path) else {
            continue;
        };
        let is_sparse = reader.is_sparse();
        let stream = &mut reader.stream_mut().stream;
        let position = stream
            .stream_position()
            .map_err(Error::io("reading", path))?;
        match entry.kind {
            Kind::File if is_sparse => {
                return Err(failed(
                    tar::Malformed::Unsupported {
                        what: format!("the member {} with holes", name.display()),
                    }
                    .into(),
                ));
            }
            Kind::File => {
                members.insert(name, (position, entry.size));
                // Seeking within the buffer keeps it.
                let skip = i64::try_from(entry.size).unwrap_or(i64::MAX);
                stream
                    .seek_relative(skip)
                    .map_err(Error::io("reading", path))?;
                reader.skipped();
            }
            Kind::SymbolicLink(target) => {
                let parent = name.parent().unwrap_or(Path::new(""));
                links.push((name.clone(), parent.join(target)));
            }
            Kind::HardLink(target) => links.push((name, target)),
            _ => {}
        }
        if members.len() + links.len() > MOST_MEMBERS {
            return Err(Error::Unusable {
                what: path.display().to_string(),
                why: format!("it has more than {MOST_MEMBERS} members"),
            });
        }
    }
    for (name, target) in links {
        if let Some(found) = normal(&target).and_then(|target| members.get(&target).copied()) {
            members.insert(name, found);
        }
    }
    Ok(members)
}

/// A relative name without dots; `None` for one that leads out.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => found.push(name),
            Component::ParentDir => {
                if !found.pop() {
                    return None;
                }
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Some(found)
}
