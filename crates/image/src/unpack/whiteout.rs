//! Whiteouts: what a layer hides of those below. In an archive they are empty files with marked
//! names; for overlayfs they are character devices 0:0 and an attribute of opaque directories.
//!
//! Source: OCI image specification, layer.md, "Whiteouts"; overlayfs.rst, "whiteouts and opaque
//! directories". Since Linux 5.8 anybody may make the device 0:0.

use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use super::{Error, Rights};

const PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const RESERVED: &[u8] = b".wh..wh.";

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// An ordinary member.
    None,
    /// The directory hides what is below it.
    Opaque,
    /// This sibling is hidden.
    Hidden(OsString),
}

/// What the last part of a member's name means.
///
/// # Errors
/// Marks of nothing, of the directory itself or its parent, and those of aufs.
pub(super) fn mark(path: &Path, name: &OsStr) -> Result<Mark, Error> {
    let bytes = name.as_bytes();
    if bytes == OPAQUE {
        return Ok(Mark::Opaque);
    }
    let Some(hidden) = bytes.strip_prefix(PREFIX) else {
        return Ok(Mark::None);
    };
    match hidden {
        b"" | b"." | b".." => forbidden(path, "a whiteout of a directory itself or its parent"),
        _ if bytes.starts_with(RESERVED) => forbidden(path, "a mark of another file system"),
        _ => Ok(Mark::Hidden(OsStr::from_bytes(hidden).to_owned())),
    }
}

fn forbidden(path: &Path, what: &'static str) -> Result<Mark, Error> {
    Err(Error::Forbidden {
        path: path.to_owned(),
        what,
    })
}

/// Hides `name` of the layers below. What this layer itself has there stays; a directory of its
/// own becomes opaque.
pub(super) fn hide(directory: BorrowedFd<'_>, name: &OsStr, rights: Rights) -> Result<(), Errno> {
    match rustix::fs::mknodat(directory, name, FileType::CharacterDevice, Mode::empty(), 0) {
        Err(Errno::EXIST) => {}
        other => return other,
    }
    let there = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(there.st_mode) == FileType::Directory {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(directory, name, flags, Mode::empty())?;
        return make_opaque(opened, rights);
    }
    Ok(())
}

/// Makes a directory hide all that the layers below have in it. The fd must be a real one, not
/// one of `O_PATH`.
pub(super) fn make_opaque(directory: impl std::os::fd::AsFd, rights: Rights) -> Result<(), Errno> {
    let attribute = rights.overlay_xattr("opaque");
    rustix::fs::fsetxattr(directory, attribute, b"y", XattrFlags::empty())
}

/// Whether a file is a whiteout, as overlayfs sees it.
pub(super) fn is_whiteout(stat: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark_of(name: &str) -> Result<Mark, Error> {
        mark(Path::new(name), OsStr::new(name))
    }

    #[test]
    fn marked_names_are_recognised() {
        assert_eq!(mark_of("a").unwrap(), Mark::None);
        assert_eq!(mark_of(".wh.a").unwrap(), Mark::Hidden("a".into()));
        assert_eq!(mark_of(".wh..wh..opq").unwrap(), Mark::Opaque);
    }

    #[test]
    fn a_whiteout_of_the_parent_is_refused() {
        for name in [".wh.", ".wh..", ".wh...", ".wh..wh.aufs"] {
            assert!(
                matches!(mark_of(name), Err(Error::Forbidden { .. })),
                "{name}"
            );
        }
    }
}
