//! The base layer's directories; `/etc` is filled by `etc.rs`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{etc, key};
use crate::Error;

/// Empty directories and their modes: a name comes after its parent.
const DIRECTORIES: [(&str, u32); 24] = [
    ("", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("var", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/local", 0o755),
    ("var/log", 0o755),
    ("var/mail", 0o755),
    ("var/opt", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
];

const LINKS: [(&str, &str); 2] = [("var/run", "/run"), ("var/lock", "/run/lock")];

/// Makes the base layer at `root`, which is not there yet. All of it belongs to the caller, which
/// the container sees as its root.
pub(super) fn make(root: &Path) -> Result<(), Error> {
    for (name, mode) in DIRECTORIES {
        make_directory(&root.join(name), mode)?;
    }
    for (name, target) in LINKS {
        make_link(&root.join(name), Path::new(target))?;
    }
    for name in key::PROGRAM_DIRECTORIES {
        let host = Path::new("/").join(name);
        match std::fs::read_link(&host) {
            Ok(target) => make_link(&root.join(name), &target)?,
            Err(_) if host.is_dir() => make_directory(&root.join(name), 0o755)?,
            Err(_) => {}
        }
    }
    etc::fill(&root.join("etc"))
}

/// Makes a directory with exactly this mode, whatever the umask.
pub(super) fn make_directory(path: &Path, mode: u32) -> Result<(), Error> {
    std::fs::create_dir(path)
        .and_then(|()| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)))
        .map_err(Error::io("making", path))
}

pub(super) fn make_link(path: &Path, target: &Path) -> Result<(), Error> {
    std::os::unix::fs::symlink(target, path).map_err(Error::io("making", path))
}
