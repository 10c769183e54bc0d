//! The machine's kernel: Debian's for clouds, downloaded as a package and unpacked, never
//! installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{execute, make_once};

/// The package that depends on the newest version.
const PACKAGE: &str = "linux-image-cloud-amd64";

/// An unpacked kernel.
pub(super) struct Kernel {
    /// What boots.
    pub(super) image: PathBuf,
    /// The directory with `lib/modules/<release>`.
    pub(super) directory: PathBuf,
    /// As `uname -r` says.
    pub(super) release: String,
}

impl Kernel {
    /// The kernel in the cache, downloaded if it is not there.
    pub(super) fn unpack(cache: &Path) -> Result<Self, String> {
        fs::create_dir_all(cache)
            .map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
        let package = newest().or_else(|problem| {
            // Without lists of packages there is nothing to ask.
            execute(Command::new("apt-get").args(["--quiet=2", "update"]))?;
            newest().map_err(|_| problem)
        })?;
        let release = package.trim_start_matches("linux-image-").to_owned();
        let directory = cache.join(&package);
        make_once(&directory, |unfinished| download(&package, unfinished))?;
        Ok(Kernel {
            image: directory.join("boot").join(format!("vmlinuz-{release}")),
            directory,
            release,
        })
    }

    /// The path of a module below the directory of modules, without its beginning.
    pub(super) fn module(&self, path: &str) -> PathBuf {
        let modules = self.directory.join("lib/modules").join(&self.release);
        modules.join("kernel").join(path)
    }
}

/// The name of the package with the kernel itself.
fn newest() -> Result<String, String> {
    let text = execute(Command::new("apt-cache").args(["depends", PACKAGE]))?;
    let mut names = text.lines().filter_map(|line| line.split_once("Depends: "));
    let name = names.find(|(_, name)| name.starts_with("linux-image-"));
    name.map(|(_, name)| name.trim().to_owned())
        .ok_or_else(|| format!("no package {PACKAGE} is to be had"))
}

fn download(package: &str, directory: &Path) -> Result<(), String> {
    println!("vm: downloading {package}");
    fs::create_dir(directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    let mut apt = Command::new("apt-get");
    apt.args(["--quiet=2", "download", package]);
    execute(apt.current_dir(directory))?;
    let failed = |error| format!("cannot read {}: {error}", directory.display());
    let mut entries = fs::read_dir(directory).map_err(failed)?;
    let entry = entries.next().ok_or("apt-get downloaded nothing")?;
    let archive = entry.map_err(failed)?.path();
    execute(
        Command::new("dpkg-deb")
            .arg("--extract")
            .args([&archive, directory]),
    )?;
    fs::remove_file(&archive).map_err(|error| format!("cannot remove {package}: {error}"))
}
