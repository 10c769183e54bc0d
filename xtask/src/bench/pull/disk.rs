//! An empty disk for one pull: an ext4 file system in a sparse file. ext4 searches past the inodes
//! that were freed in the last minutes, so that a pull after the removal of another one would
//! measure the removal.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::subject::CommandLine;

const SIZE: u64 = 8 << 30;

/// How long something of a pull may work on after it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mounted file system; dropping it removes it.
pub(super) struct Disk {
    file: PathBuf,
    point: PathBuf,
}

impl Disk {
    pub(super) fn new(at: &Path) -> Result<Self, String> {
        let disk = Disk {
            file: at.with_extension("img"),
            point: at.to_owned(),
        };
        let failed = |error| format!("cannot make {}: {error}", disk.file.display());
        std::fs::create_dir_all(&disk.point).map_err(failed)?;
        std::fs::File::create(&disk.file)
            .and_then(|file| file.set_len(SIZE))
            .map_err(failed)?;
        let make = CommandLine::new(["mkfs.ext4", "-q", "-F"]);
        make.and([&disk.file]).time()?;
        let mount = CommandLine::new(["mount", "-o", "loop"]);
        mount.and([&disk.file]).and([&disk.point]).time()?;
        Ok(disk)
    }

    pub(super) fn path(&self) -> &Path {
        &self.point
    }

    /// Bytes that are taken, with everything on the disk.
    pub(super) fn used(&self) -> Result<u64, String> {
        let failed = |error: rustix::io::Errno| error.to_string();
        let root = std::fs::File::open(&self.point).map_err(|error| error.to_string())?;
        rustix::fs::syncfs(&root).map_err(failed)?;
        let status = rustix::fs::fstatvfs(&root).map_err(failed)?;
        Ok((status.f_blocks - status.f_bfree) * status.f_frsize)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmount = CommandLine::new(["umount", "--recursive"]).and([&self.point]);
        let deadline = Instant::now() + PATIENCE;
        while let Err(why) = unmount.time() {
            if why.contains("not mounted") {
                break;
            }
            if Instant::now() > deadline {
                eprintln!("xtask: cannot unmount {}: {why}", self.point.display());
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        std::fs::remove_file(&self.file).ok();
    }
}
