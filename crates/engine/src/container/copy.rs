//! Copying files between a container and the host, in both directions, as trees or as an archive.
//!
//! The container is hostile: a process in it may exchange directories for links while it is copied.
//! So nothing of it is ever entered: its root is a descriptor, every path in it is resolved by the
//! kernel with that as the root (`sys::path`), and below the first directory there are only single
//! names in open directories, of which none is followed.

mod archive;
mod ids;
mod place;
mod root;
mod tree;
mod write;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use self::place::{Side, Target};
use self::tree::Tree;
use super::record::Record;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// How files are copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// What the source leads to, if it is a link.
    pub follow: bool,
    /// Files keep their owners; else they are root's inside and the caller's outside.
    pub archive: bool,
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Bytes of content.
    pub bytes: u64,
    /// Sockets and devices, which are no files to copy.
    pub passed_over: Vec<PathBuf>,
}

/// Told how many bytes were copied so far.
pub type Meter<'a> = &'a mut dyn FnMut(u64);

impl Engine {
    /// Copies `path` of a container to `to` on the host. For a container that does not run, the
    /// calling process, which must have a single thread, ends in a mount namespace of its own.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`] on either side; a directory onto a file; the kernel's.
    pub fn copy_out(
        &self,
        container: &str,
        path: &Path,
        to: &Path,
        options: CopyOptions,
        meter: Meter<'_>,
    ) -> Result<Copied, Error> {
        let (record, root) = self.open_root(container)?;
        let (inside, outside) = (Side::Inside(&root, &record.name), Side::Outside);
        let source = inside.source(path, options.follow)?;
        let target = outside.target(to, &source)?;
        let owners = root.owners_outside(options.archive);
        let copied = Tree::new(owners, options, meter).copy(source, &target)?;
        self.note_copy(&record, "archive-path", path);
        Ok(copied)
    }

    /// Copies `from` on the host to `path` of a container.
    ///
    /// # Errors
    /// As [`Engine::copy_out`].
    pub fn copy_in(
        &self,
        from: &Path,
        container: &str,
        path: &Path,
        options: CopyOptions,
        meter: Meter<'_>,
    ) -> Result<Copied, Error> {
        let (record, root) = self.open_root(container)?;
        let (inside, outside) = (Side::Inside(&root, &record.name), Side::Outside);
        let source = outside.source(from, options.follow)?;
        let _as_root = root.assume_root()?;
        let target = inside.target(path, &source)?;
        let owners = root.owners_inside(options.archive);
        let copied = Tree::new(owners, options, meter).copy(source, &target)?;
        self.note_copy(&record, "extract-to-dir", path);
        Ok(copied)
    }

    /// Writes `path` of a container to an archive, with the owners that the container sees.
    ///
    /// # Errors
    /// As [`Engine::copy_out`].
    pub fn copy_to_archive(
        &self,
        container: &str,
        path: &Path,
        options: CopyOptions,
        out: &mut dyn Write,
    ) -> Result<Copied, Error> {
        let (record, root) = self.open_root(container)?;
        let source = Side::Inside(&root, &record.name).source(path, options.follow)?;
        let copied = archive::pack(source, root.ids(), out)?;
        self.note_copy(&record, "archive-path", path);
        Ok(copied)
    }

    /// Unpacks an archive in the directory `path` of a container, with the owners that the archive
    /// says.
    ///
    /// # Errors
    /// As [`Engine::copy_out`]; a malformed archive, of which everything before the fault stays.
    pub fn copy_from_archive(
        &self,
        stream: &mut dyn Read,
        container: &str,
        path: &Path,
    ) -> Result<Copied, Error> {
        let (record, root) = self.open_root(container)?;
        let _as_root = root.assume_root()?;
        let side = Side::Inside(&root, &record.name);
        let Target::Within(directory) = side.directory(path)? else {
            return Err(side.not_a_directory(path));
        };
        let copied = archive::unpack(stream, &root, &directory, path, &record.name)?;
        self.note_copy(&record, "extract-to-dir", path);
        Ok(copied)
    }

    fn note_copy(&self, record: &Record, action: &str, path: &Path) {
        let event = Event::of_container(record, action);
        note(&self.paths, &[event.with("path", &path.to_string_lossy())]);
    }
}
