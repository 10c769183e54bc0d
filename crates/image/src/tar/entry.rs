//! One member of an archive, without its content.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What is said about a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As written in the archive: possibly absolute, possibly with `..`.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-id and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length of the content in bytes; 0 for all but regular files.
    pub size: u64,
    /// Time of the last change, in seconds since 1970, and nanoseconds.
    pub mtime: (i64, u32),
    /// Extended attributes.
    pub xattrs: BTreeMap<OsString, Vec<u8>>,
}

/// The kinds of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A further name of an earlier member.
    HardLink(PathBuf),
    /// A symbolic link.
    SymbolicLink(PathBuf),
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A character device, major and minor.
    CharacterDevice(u32, u32),
    /// A block device, major and minor.
    BlockDevice(u32, u32),
}

impl Entry {
    /// A member owned by root, of the year 1970.
    pub fn new(path: impl Into<PathBuf>, kind: Kind, mode: u32) -> Self {
        Self {
            path: path.into(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: (0, 0),
            xattrs: BTreeMap::new(),
        }
    }
}
