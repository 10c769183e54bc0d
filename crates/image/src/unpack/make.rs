//! Making one member of each kind, in a directory that is open already.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::attributes::Owner;
use super::error::failed;
use super::name::place;
use super::{Error, Rights, attributes, whiteout};
use crate::tar::{Entry, Reader};

const BUFFER: usize = 128 * 1024;
/// Of zeros that take no room on the disk.
const HOLE: usize = 4096;

/// A member on its way to the disk.
pub(super) struct Member<'a> {
    /// Of the layer.
    pub(super) root: BorrowedFd<'a>,
    pub(super) parent: BorrowedFd<'a>,
    pub(super) name: &'a OsStr,
    pub(super) entry: &'a Entry,
    pub(super) rights: Rights,
    /// New files are root's, user and group.
    pub(super) is_roots: bool,
}

impl Member<'_> {
    fn failed(&self, operation: &'static str, errno: Errno) -> Error {
        failed(operation, &self.entry.path, errno)
    }

    /// Removes what an earlier member made under the same name.
    pub(super) fn clear(&self) -> Result<(), Error> {
        match rustix::fs::unlinkat(self.parent, self.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::ISDIR) => {}
            Err(errno) => return Err(self.failed("replacing", errno)),
        }
        // The kernel's own name of an open directory, so that no link is on the way.
        let parent = format!("/proc/self/fd/{}", self.parent.as_raw_fd());
        store::remove_tree(&Path::new(&parent).join(self.name))
            .map_err(|error| self.failed("replacing", error.errno().unwrap_or(Errno::IO)))
    }

    /// Makes a directory that its maker can use; the rest is set at the end.
    pub(super) fn directory(&self) -> Result<(), Error> {
        self.try_directory()
            .map_err(|errno| self.failed("making", errno))
    }

    fn try_directory(&self) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode((self.entry.mode & 0o777) | 0o700);
        match rustix::fs::mkdirat(self.parent, self.name, mode) {
            Err(Errno::EXIST) => {}
            other => return other,
        }
        let there = rustix::fs::statat(self.parent, self.name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(there.st_mode) == FileType::Directory {
            return Ok(());
        }
        rustix::fs::unlinkat(self.parent, self.name, AtFlags::empty())?;
        rustix::fs::mkdirat(self.parent, self.name, mode)?;
        if !whiteout::is_whiteout(&there) {
            return Ok(());
        }
        // What the layers below have here was hidden by this same layer: it stays so.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(self.parent, self.name, flags, Mode::empty())?;
        whiteout::make_opaque(&made, self.rights)
    }

    pub(super) fn file(&self, content: &mut Reader<impl Read>) -> Result<(), Error> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let file = match rustix::fs::openat(self.parent, self.name, flags, mode) {
            Err(Errno::EXIST) => {
                self.clear()?;
                rustix::fs::openat(self.parent, self.name, flags, mode)
            }
            file => file,
        };
        let mut file = std::fs::File::from(file.map_err(|errno| self.failed("making", errno))?);
        self.copy(content, &mut file)?;
        let owner = match self.is_roots && (self.entry.uid, self.entry.gid) == (0, 0) {
            true => Owner::Right,
            false => Owner::Any,
        };
        attributes::set(file.as_fd(), self.entry, self.rights, owner)
            .map_err(|errno| self.failed("setting the attributes of", errno))
    }

    /// Copies the content; a failure is told by the side that failed. Blocks of zeros become holes.
    fn copy(&self, content: &mut Reader<impl Read>, file: &mut std::fs::File) -> Result<(), Error> {
        let mut buffer = vec![0; BUFFER];
        let mut position = 0;
        let mut in_hole = false;
        loop {
            let hole = content.skip_hole();
            position += hole;
            in_hole |= hole > 0;
            let count = fill(content, &mut buffer).map_err(Error::Stream)?;
            if count == 0 {
                break;
            }
            let mut rest = buffer.get(..count).unwrap_or_default();
            while !rest.is_empty() {
                let (run, is_zero) = run(rest, position);
                let (now, later) = rest.split_at(run);
                if !is_zero {
                    let written = file.write_all_at(now, position);
                    written.map_err(|error| self.not_written(error))?;
                }
                in_hole = is_zero;
                position += run as u64;
                rest = later;
            }
        }
        match in_hole {
            true => file
                .set_len(position)
                .map_err(|error| self.not_written(error)),
            false => Ok(()),
        }
    }

    fn not_written(&self, source: io::Error) -> Error {
        Error::Member {
            operation: "writing",
            path: self.entry.path.clone(),
            source,
        }
    }

    /// Makes a further name. A link is not followed: the new name is a link then, too.
    pub(super) fn hard_link(&self, target: &Path) -> Result<(), Error> {
        let Some(target) = place(target)? else {
            return Err(Error::Outside(self.entry.path.clone()));
        };
        let directory = Path::new("/").join(&target.parent);
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        sys::path::open_in_root(self.root, &directory, flags)
            .and_then(|from| {
                let (from_name, to_name) = (target.name.as_os_str(), self.name);
                rustix::fs::linkat(from, from_name, self.parent, to_name, AtFlags::empty())
            })
            .map_err(|errno| self.failed("linking", errno))
    }

    pub(super) fn symbolic_link(&self, target: &Path) -> Result<(), Error> {
        let made = rustix::fs::symlinkat(target, self.parent, self.name);
        self.finish_special(made)
    }

    pub(super) fn fifo(&self) -> Result<(), Error> {
        self.finish_special(self.node(FileType::Fifo, 0))
    }

    pub(super) fn device(&self, kind: FileType, major: u32, minor: u32) -> Result<(), Error> {
        if (kind, major, minor) == (FileType::CharacterDevice, 0, 0) {
            return Err(Error::Forbidden {
                path: self.entry.path.clone(),
                what: "overlayfs' own form of a whiteout",
            });
        }
        if self.rights == Rights::User {
            return Err(Error::DeviceNeedsRoot(self.entry.path.clone()));
        }
        self.finish_special(self.node(kind, rustix::fs::makedev(major, minor)))
    }

    fn node(&self, kind: FileType, device: u64) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(self.entry.mode);
        rustix::fs::mknodat(self.parent, self.name, kind, mode, device)?;
        // The umask took bits away; the name is no link, for it was just made.
        rustix::fs::chmodat(self.parent, self.name, mode, AtFlags::empty())
    }

    fn finish_special(&self, made: Result<(), Errno>) -> Result<(), Error> {
        made.and_then(|()| attributes::set_by_name(self.parent, self.name, self.entry, self.rights))
            .map_err(|errno| self.failed("making", errno))
    }
}

/// Reads until the buffer is full or the stream ends, so that blocks stay whole.
fn fill(content: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The first bytes of a buffer that are alike: whole blocks of zeros, or everything up to the next
/// one. `position` is the buffer's place in the file.
fn run(buffer: &[u8], position: u64) -> (usize, bool) {
    let into_block = usize::try_from(position % HOLE as u64).unwrap_or_default();
    let is_hole = |block: &[u8]| block.len() == HOLE && block.iter().all(|byte| *byte == 0);
    // Up to the next border of a block, nothing can be a hole.
    let head = (HOLE - into_block) % HOLE;
    let (head, blocks) = buffer.split_at(head.min(buffer.len()));
    let holes = blocks
        .chunks(HOLE)
        .take_while(|block| is_hole(block))
        .count();
    if head.is_empty() && holes > 0 {
        return (holes * HOLE, true);
    }
    let full = blocks.chunks(HOLE).take_while(|block| !is_hole(block));
    (head.len() + full.map(<[u8]>::len).sum::<usize>(), false)
}
