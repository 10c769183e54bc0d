//! The machine's disks beside its root: files handed in as a tar, and room to swap to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::execute;

/// Where the files are found in the machine.
pub(super) const INSIDE: &str = "/srv/wharf";
/// In the order of the drives.
pub(super) const ROOT_DISK: &str = "/dev/vda";
pub(super) const FILES_DISK: &str = "/dev/vdb";
pub(super) const SWAP_DISK: &str = "/dev/vdc";

/// Packs files, each under a name of its own, with `scratch` for what is only needed meanwhile.
pub(super) fn pack(
    archive: &Path,
    scratch: &Path,
    files: &[(PathBuf, &str)],
) -> Result<(), String> {
    let directory = scratch.join("files");
    fs::create_dir(&directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    for (path, name) in files {
        std::os::unix::fs::symlink(path, directory.join(name))
            .map_err(|error| format!("cannot link {}: {error}", path.display()))?;
    }
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--dereference",
        "--mode=0755",
        "--owner=0",
        "--group=0",
    ]);
    tar.arg("--file").arg(archive).arg("--directory");
    execute(tar.args([&directory, Path::new(".")])).map(|_| ())
}

/// In the machine: unpacks the files, and uses the disk for swap.
pub(super) fn set_up() -> Result<(), String> {
    fs::create_dir_all(INSIDE).map_err(|error| format!("cannot make {INSIDE}: {error}"))?;
    let mut tar = Command::new("tar");
    execute(tar.args(["--extract", "--file", FILES_DISK, "--directory", INSIDE]))?;
    execute(Command::new("mkswap").arg(SWAP_DISK))?;
    execute(Command::new("swapon").arg(SWAP_DISK)).map(|_| ())
}
