//! The mounts of a container as an OCI bundle asks for them by default, made with the fewest
//! calls: the root itself, /proc, /dev and what is in it, /sys, the cgroups, masked and read-only
//! paths; then the change of the root.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    MountAttrFlags, MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind,
    mount_change, unmount,
};
use sys::mount::{MountAttr, mount_setattr};

use crate::cgroups::Cgroups;
use crate::{At, Failure};

/// The devices of every container: name, major, minor.
const DEVICES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Paths that are covered, as in the bundle of the benchmark.
const MASKED: [&str; 10] = [
    "proc/acpi",
    "proc/asound",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/timer_list",
    "proc/timer_stats",
    "proc/sched_debug",
    "sys/firmware",
    "proc/scsi",
];

/// Paths that are made read-only, likewise.
const READ_ONLY: [&str; 5] = [
    "proc/bus",
    "proc/fs",
    "proc/irq",
    "proc/sys",
    "proc/sysrq-trigger",
];

const NO_SUID_DEV_EXEC: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);

/// Mounts everything below `root` in the new mount namespace and makes it the root directory.
/// `may_mknod` is false in a user namespace, where the host's nodes are bound.
pub(crate) fn build(root: &Path, cgroups: &Cgroups, may_mknod: bool) -> Result<(), Failure> {
    let propagation = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    mount_change("/", propagation).at("cutting the propagation")?;
    mount_bind(root, root).at("binding the root")?;
    rustix::process::chdir(root).at("entering the root")?;
    file_systems()?;
    control_groups(cgroups)?;
    devices(may_mknod)?;
    for path in READ_ONLY {
        if Path::new(path).exists() {
            mount_bind(path, path).at(path)?;
            read_only(path)?;
        }
    }
    for path in MASKED {
        mask(path)?;
    }
    read_only(".")?;
    rustix::process::pivot_root(".", ".").at("pivot_root")?;
    unmount(".", UnmountFlags::DETACH).at("detaching the old root")?;
    rustix::process::chdir("/").at("entering /")
}

fn file_systems() -> Result<(), Failure> {
    let no_suid_exec = MountFlags::NOSUID | MountFlags::NOEXEC;
    let dev = (MountFlags::NOSUID, c"mode=755,size=65536k");
    let pts = c"newinstance,ptmxmode=0666,mode=0620,gid=5";
    let shm = c"mode=1777,size=65536k";
    let table = [
        ("proc", "proc", NO_SUID_DEV_EXEC, c""),
        ("dev", "tmpfs", dev.0, dev.1),
        ("dev/pts", "devpts", no_suid_exec, pts),
        ("dev/shm", "tmpfs", NO_SUID_DEV_EXEC, shm),
        ("dev/mqueue", "mqueue", NO_SUID_DEV_EXEC, c""),
        ("sys", "sysfs", NO_SUID_DEV_EXEC | MountFlags::RDONLY, c""),
    ];
    for (path, kind, flags, data) in table {
        if path.starts_with("dev/") {
            fs::create_dir(path).at(path)?;
        }
        mount(kind, path, kind, flags, data).at(path)?;
    }
    Ok(())
}

/// The cgroups, bound: the one of v2 alone, those of v1 in directories on a tmpfs.
fn control_groups(cgroups: &Cgroups) -> Result<(), Failure> {
    let top = Path::new("sys/fs/cgroup");
    if let [only] = cgroups.0.as_slice() {
        mount_bind(&only.path, top).at("binding the cgroup")?;
        return read_only("sys/fs/cgroup");
    }
    mount("tmpfs", top, "tmpfs", NO_SUID_DEV_EXEC, c"mode=755").at("sys/fs/cgroup")?;
    for cgroup in &cgroups.0 {
        let name = cgroup.path.parent().and_then(Path::file_name);
        let target = top.join(name.unwrap_or_default());
        fs::create_dir(&target).at("making a directory for a cgroup")?;
        mount_bind(&cgroup.path, &target).at("binding a cgroup")?;
        read_only(&target)?;
    }
    read_only(top)
}

fn devices(may_mknod: bool) -> Result<(), Failure> {
    let mode = Mode::from_raw_mode(0o666);
    for (name, major, minor) in DEVICES {
        let path = Path::new("dev").join(name);
        if may_mknod {
            let device = rustix::fs::makedev(major, minor);
            rustix::fs::mknodat(CWD, &path, FileType::CharacterDevice, mode, device).at(name)?;
        } else {
            fs::write(&path, "").at(name)?;
            mount_bind(Path::new("/").join(&path), &path).at(name)?;
        }
    }
    for (name, target) in LINKS {
        rustix::fs::symlink(target, Path::new("dev").join(name)).at(name)?;
    }
    Ok(())
}

/// Covers a file by the null device and a directory by an empty file system.
fn mask(path: &str) -> Result<(), Failure> {
    match mount_bind("/dev/null", path) {
        Err(Errno::NOTDIR) => {
            let flags = NO_SUID_DEV_EXEC | MountFlags::RDONLY;
            mount("tmpfs", path, "tmpfs", flags, c"nr_blocks=1,nr_inodes=1").at(path)
        }
        Err(Errno::NOENT) => Ok(()),
        other => other.at(path),
    }
}

fn read_only(path: impl AsRef<Path>) -> Result<(), Failure> {
    let path = path.as_ref();
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::empty()).at("opening a mount")?;
    let attributes = MountAttr {
        set: MountAttrFlags::MOUNT_ATTR_RDONLY,
        ..MountAttr::default()
    };
    mount_setattr(fd.as_fd(), &attributes, false).at("making a mount read-only")
}
