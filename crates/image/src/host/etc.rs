//! A fresh `/etc`: users, groups and host names of our own, and copies of what the host's
//! programs need to work.
//!
//! Only what is on the lists here is copied, and of that only what everybody on the host may read.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::base::{make_directory, make_link};
use crate::Error;

/// Our own files. The host's `nsswitch.conf` may name services that do not run in a container.
const FRESH: [(&str, &str); 5] = [
    ("passwd", include_str!("fresh/passwd")),
    ("group", include_str!("fresh/group")),
    ("hosts", include_str!("fresh/hosts")),
    ("nsswitch.conf", include_str!("fresh/nsswitch.conf")),
    ("hostname", "host\n"),
];

/// Files and links that are copied if the host has them.
const COPIED: [&str; 19] = [
    "bash.bashrc",
    "debian_version",
    "ethertypes",
    "gai.conf",
    "host.conf",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "localtime",
    "lsb-release",
    "magic",
    "mime.types",
    "os-release",
    "profile",
    "protocols",
    "rpc",
    "services",
    "shells",
    "timezone",
];

/// Directories that are copied with all that is in them.
const COPIED_TREES: [&str; 3] = ["alternatives", "ld.so.conf.d", "terminfo"];

/// Certificates and their configuration; `private` beside them is never touched.
const CERTIFICATES: [&str; 5] = [
    "ssl/certs",
    "ssl/openssl.cnf",
    "pki/ca-trust",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
];

/// Files in those directories that change without them.
const BUNDLES: [&str; 2] = [
    "pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "ssl/certs/ca-certificates.crt",
];

fn copied() -> impl Iterator<Item = &'static str> {
    COPIED.into_iter().chain(COPIED_TREES).chain(CERTIFICATES)
}

/// What of `/etc` tells that the base layer is out of date.
pub(super) fn inputs() -> impl Iterator<Item = &'static str> {
    copied().chain(BUNDLES).chain(["resolv.conf"])
}

/// Fills the new directory `etc`.
pub(super) fn fill(etc: &Path) -> Result<(), Error> {
    for (name, text) in FRESH {
        write(&etc.join(name), text.as_bytes())?;
    }
    // A link to a resolver's own file leads nowhere in a container: its content is what counts.
    match std::fs::read("/etc/resolv.conf") {
        Ok(bytes) => write(&etc.join("resolv.conf"), &bytes)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("reading", Path::new("/etc/resolv.conf"))(error)),
    }
    make_link(&etc.join("mtab"), Path::new("/proc/self/mounts"))?;
    let host = Path::new("/etc");
    for name in copied() {
        make_parents(etc, Path::new(name))?;
        copy(&host.join(name), etc, Path::new(name))?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes)
        .and_then(|()| std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)))
        .map_err(Error::io("writing", path))
}

fn make_parents(etc: &Path, name: &Path) -> Result<(), Error> {
    let parents: Vec<&Path> = name.ancestors().skip(1).collect();
    for parent in parents.into_iter().rev().map(|parent| etc.join(parent)) {
        if !parent.exists() {
            make_directory(&parent, 0o755)?;
        }
    }
    Ok(())
}

/// Copies a file, a link or a directory of the host to `name` below `etc`, if it is there.
fn copy(from: &Path, etc: &Path, name: &Path) -> Result<(), Error> {
    let metadata = match std::fs::symlink_metadata(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata.map_err(Error::io("looking at", from))?,
    };
    let to = etc.join(name);
    let kind = metadata.file_type();
    // What is not for everybody on the host is not for its containers.
    let readable = |needed| metadata.permissions().mode() & needed == needed;
    if kind.is_symlink() {
        let target = std::fs::read_link(from).map_err(Error::io("reading", from))?;
        return make_link(&to, &target);
    }
    if kind.is_dir() && readable(0o005) {
        make_directory(&to, 0o755)?;
        return copy_entries(from, etc, name);
    }
    if kind.is_file() && readable(0o004) {
        let bytes = std::fs::read(from).map_err(Error::io("reading", from))?;
        return write(&to, &bytes);
    }
    Ok(())
}

fn copy_entries(from: &Path, etc: &Path, name: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(from).map_err(Error::io("reading", from))? {
        let entry = entry.map_err(Error::io("reading", from))?;
        copy(&entry.path(), etc, &name.join(entry.file_name()))?;
    }
    Ok(())
}
