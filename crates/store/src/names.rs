//! Names for ids: a directory of symbolic links, whose creation is the claim. Beside it, finding
//! an id by its beginning.

use std::path::Path;

use rustix::fs::{AtFlags, CWD, readlinkat, symlink, unlinkat};
use rustix::io::Errno;

use crate::Error;

/// Claims `name` for `id`; gives back false when somebody has it.
///
/// # Errors
/// When the directory is not writable.
pub fn claim(directory: &Path, name: &str, id: &str) -> Result<bool, Error> {
    let path = directory.join(name);
    match symlink(id, &path) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(Error::io("claiming the name", &path, errno)),
    }
}

/// Frees `name`; a free one stays free.
///
/// # Errors
/// When the directory is not writable.
pub fn release(directory: &Path, name: &str) -> Result<(), Error> {
    let path = directory.join(name);
    match unlinkat(CWD, &path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Error::io("freeing the name", &path, errno)),
    }
}

/// The id that has `name`.
///
/// # Errors
/// When the link cannot be read.
pub fn resolve(directory: &Path, name: &str) -> Result<Option<String>, Error> {
    let path = directory.join(name);
    match readlinkat(CWD, &path, Vec::new()) {
        Ok(target) => Ok(target.into_string().ok()),
        Err(Errno::NOENT | Errno::INVAL | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(Error::io("reading the name", &path, errno)),
    }
}

/// The one entry of `directory` that begins with `prefix`; names with a leading dot do not count.
///
/// # Errors
/// [`Error::Ambiguous`] when there are several.
pub fn lookup(directory: &Path, prefix: &str) -> Result<Option<String>, Error> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(|error| Error::io("reading", directory, error))?,
    };
    let mut found = None;
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("reading", directory, error))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') || !name.starts_with(prefix) {
            continue;
        }
        if found.replace(name).is_some() {
            return Err(Error::Ambiguous {
                prefix: prefix.to_owned(),
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_owner() {
        let directory = tempfile::tempdir().unwrap();
        assert!(claim(directory.path(), "web", "a1").unwrap());
        assert!(!claim(directory.path(), "web", "b2").unwrap());
        assert_eq!(
            resolve(directory.path(), "web").unwrap().as_deref(),
            Some("a1")
        );
        release(directory.path(), "web").unwrap();
        assert_eq!(resolve(directory.path(), "web").unwrap(), None);
    }

    #[test]
    fn a_beginning_must_mean_one_id() {
        let directory = tempfile::tempdir().unwrap();
        for id in ["abc1", "abd2", ".new-abc"] {
            std::fs::create_dir(directory.path().join(id)).unwrap();
        }
        assert_eq!(
            lookup(directory.path(), "abc").unwrap().as_deref(),
            Some("abc1")
        );
        assert_eq!(lookup(directory.path(), "x").unwrap(), None);
        assert!(matches!(
            lookup(directory.path(), "ab"),
            Err(Error::Ambiguous { .. })
        ));
    }
}
