//! The container's cgroup in each hierarchy that is mounted: of v2, of v1, or of both.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};

use crate::{At, Failure};

/// One cgroup in one hierarchy.
pub(crate) struct Cgroup {
    pub(crate) path: PathBuf,
    pub(crate) is_v2: bool,
    /// v2: the directory. v1: the file `tasks`.
    door: OwnedFd,
}

/// The container's cgroups.
pub(crate) struct Cgroups(pub(crate) Vec<Cgroup>);

impl Cgroups {
    /// Makes the cgroup `name` in every hierarchy.
    pub(crate) fn make(name: &str) -> Result<Self, Failure> {
        for (mount, _) in hierarchies()? {
            let path = mount.join(name);
            fs::create_dir(&path).at("making a cgroup")?;
            // v1: a new cpuset is empty and admits nobody.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if let (Ok(value), true) = (fs::read(mount.join(file)), mount.ends_with("cpuset")) {
                    fs::write(path.join(file), value).at(file)?;
                }
            }
        }
        Self::open(name)
    }

    /// Opens the cgroup `name` of every hierarchy.
    pub(crate) fn open(name: &str) -> Result<Self, Failure> {
        let open_one = |(mount, is_v2): (PathBuf, bool)| {
            let path = mount.join(name);
            let door = if is_v2 {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                open(&path, flags, Mode::empty())
            } else {
                let flags = OFlags::WRONLY | OFlags::CLOEXEC;
                open(path.join("tasks"), flags, Mode::empty())
            };
            let door = door.at("opening a cgroup")?;
            Ok(Cgroup { path, is_v2, door })
        };
        let cgroups: Result<Vec<_>, Failure> = hierarchies()?.into_iter().map(open_one).collect();
        cgroups.map(Cgroups)
    }

    /// The v2 cgroup, which a process can be cloned into.
    pub(crate) fn clone_into(&self) -> Option<BorrowedFd<'_>> {
        let cgroup = self.0.iter().find(|cgroup| cgroup.is_v2)?;
        Some(cgroup.door.as_fd())
    }

    /// Moves the calling thread into the v1 cgroups.
    pub(crate) fn join(&self) -> Result<(), Failure> {
        for cgroup in self.0.iter().filter(|cgroup| !cgroup.is_v2) {
            rustix::io::write(&cgroup.door, b"0").at("joining a cgroup")?;
        }
        Ok(())
    }

    pub(crate) fn remove(&self) -> Result<(), Failure> {
        for cgroup in &self.0 {
            fs::remove_dir(&cgroup.path).at("removing a cgroup")?;
        }
        Ok(())
    }
}

/// Where each hierarchy is mounted, and whether it is v2.
fn hierarchies() -> Result<Vec<(PathBuf, bool)>, Failure> {
    let table = fs::read_to_string("/proc/self/mountinfo").at("reading the mounts")?;
    let mounts = table.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mount = Path::new(left.split(' ').nth(4)?);
        match right.split(' ').next()? {
            "cgroup" => Some((mount.to_path_buf(), false)),
            "cgroup2" => Some((mount.to_path_buf(), true)),
            _ => None,
        }
    });
    Ok(mounts.collect())
}
