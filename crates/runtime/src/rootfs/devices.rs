//! The device nodes of /dev: the specification's default ones and those of `config.json`, made
//! with mknod, or bound from the host where a user namespace forbids mknod; and the customary
//! symbolic links. Which devices may be used is the cgroup's business.
//!
//! Source: runtime-spec, config-linux.md "Default Devices"; runtime-linux.md "Dev symbolic links".

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use spec::runtime::Device;

use super::attach::attach_at;
use crate::error::{Doing, Fault};

/// The devices that every container has: name, major, minor.
const DEFAULT: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Link in /dev, and where it leads.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Furnishes the /dev below `root`. `may_mknod` is whether the calling process can make device
/// nodes here, which needs the host's user namespace; its umask is empty, so that modes are those
/// asked for.
pub(super) fn furnish(
    root: BorrowedFd<'_>,
    devices: &[Device],
    may_mknod: bool,
) -> Result<(), Fault> {
    let dev = sys::path::create_dir_all_in_root(root, Path::new("/dev"), 0o755)
        .doing(|| "making /dev".to_owned())?;
    let dev = dev.as_fd();
    for (name, major, minor) in DEFAULT {
        if devices
            .iter()
            .any(|device| device.path == Path::new("/dev").join(name))
        {
            continue;
        }
        let node = Node {
            host: &Path::new("/dev").join(name),
            kind: FileType::CharacterDevice,
            numbers: (major, minor),
        };
        node.show(dev, Path::new(name), 0o666, may_mknod)
            .doing(|| format!("making /dev/{name}"))?;
    }
    for device in devices {
        add(root, device, may_mknod).doing(|| format!("making {}", device.path.display()))?;
    }
    for (name, target) in LINKS {
        link(dev, name, target).doing(|| format!("linking /dev/{name}"))?;
    }
    Ok(())
}

/// An image's own link or file stays, but for a /dev/ptmx that would not lead to the container's
/// terminals.
fn link(dev: BorrowedFd<'_>, name: &str, target: &str) -> Result<(), Errno> {
    match rustix::fs::symlinkat(target, dev, name) {
        Err(Errno::EXIST) if name == "ptmx" => {
            let there = rustix::fs::readlinkat(dev, name, Vec::new());
            if there.is_ok_and(|there| there.as_bytes() == target.as_bytes()) {
                return Ok(());
            }
            rustix::fs::unlinkat(dev, name, AtFlags::empty())?;
            rustix::fs::symlinkat(target, dev, name)
        }
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

/// One device of `config.json`, whose path is in the container.
fn add(root: BorrowedFd<'_>, device: &Device, may_mknod: bool) -> Result<(), Errno> {
    let parent = device.path.parent().ok_or(Errno::INVAL)?;
    let name = Path::new(device.path.file_name().ok_or(Errno::INVAL)?);
    let directory = sys::path::create_dir_all_in_root(root, parent, 0o755)?;
    let kind = match device.kind.as_str() {
        "c" | "u" => FileType::CharacterDevice,
        "b" => FileType::BlockDevice,
        "p" => FileType::Fifo,
        _ => return Err(Errno::INVAL),
    };
    let is_device = kind != FileType::Fifo;
    let number = |n: i64| u32::try_from(n).map_err(|_| Errno::INVAL);
    let numbers = match is_device {
        true => (number(device.major)?, number(device.minor)?),
        false => (0, 0),
    };
    let mode = device.file_mode.unwrap_or(0o666);
    let node = Node {
        host: &device.path,
        kind,
        numbers,
    };
    match node.show(directory.as_fd(), name, mode, may_mknod || !is_device)? {
        Shown::Made => {}
        // Its owner is the host's to say.
        Shown::Bound => return Ok(()),
    }
    let owner = device.uid.map(rustix::fs::Uid::from_raw);
    let group = device.gid.map(rustix::fs::Gid::from_raw);
    rustix::fs::chownat(&directory, name, owner, group, AtFlags::SYMLINK_NOFOLLOW)
}

/// A device, and where the host has it.
struct Node<'a> {
    host: &'a Path,
    kind: FileType,
    numbers: (u32, u32),
}

enum Shown {
    Made,
    Bound,
}

impl Node<'_> {
    /// Makes the node `name`; what may not be made can still be shown.
    fn show(
        &self,
        directory: BorrowedFd<'_>,
        name: &Path,
        mode: u32,
        may_mknod: bool,
    ) -> Result<Shown, Errno> {
        if may_mknod {
            match self.make(directory, name, mode) {
                Err(Errno::PERM) if self.kind != FileType::Fifo => {}
                made => return made.map(|()| Shown::Made),
            }
        }
        self.bind(directory, name).map(|()| Shown::Bound)
    }

    /// A node that is there already must be the one that is wanted.
    fn make(&self, directory: BorrowedFd<'_>, name: &Path, mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(mode & 0o7777);
        let device = rustix::fs::makedev(self.numbers.0, self.numbers.1);
        match rustix::fs::mknodat(directory, name, self.kind, mode, device) {
            Err(Errno::EXIST) => {
                let there = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
                match self.is(&there) {
                    true => Ok(()),
                    false => Err(Errno::EXIST),
                }
            }
            other => other,
        }
    }

    /// Binds the host's node onto an empty file, if it is the one that is wanted.
    fn bind(&self, directory: BorrowedFd<'_>, name: &Path) -> Result<(), Errno> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let node = open_tree(CWD, self.host, flags)?;
        if !self.is(&rustix::fs::fstat(&node)?) {
            return Err(Errno::NODEV);
        }
        let target = sys::path::create_file_in_root(directory, name, 0o666)?;
        attach_at(node.as_fd(), target.as_fd())
    }

    fn is(&self, found: &rustix::fs::Stat) -> bool {
        let device = rustix::fs::makedev(self.numbers.0, self.numbers.1);
        FileType::from_raw_mode(found.st_mode) == self.kind
            && (self.kind == FileType::Fifo || found.st_rdev == device)
    }
}
