//! Which cgroup hierarchies the subjects see. A hybrid machine has v1 and v2 at once, which some
//! engines refuse; there everything is measured with one of the two, in a mount namespace of the
//! benchmark's own.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount,
};
use rustix::thread::LinkNameSpaceType;

/// Where systems mount their hierarchies.
const TOP: &str = "/sys/fs/cgroup";

/// A choice of hierarchies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// What the machine has, of one version.
    Machine,
    /// The v2 hierarchy alone.
    V2,
    /// The v1 hierarchies alone.
    V1,
}

impl View {
    /// The views that this machine allows. v1 comes first: on a hybrid machine it has the
    /// controllers.
    pub(super) fn possible() -> &'static [View] {
        let table = mount_table();
        match (
            mounts(&table, "cgroup").len(),
            mounts(&table, "cgroup2").len(),
        ) {
            (0, _) | (_, 0) => &[View::Machine],
            _ => &[View::V1, View::V2],
        }
    }

    /// For titles.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            View::Machine => "",
            View::V2 => " (cgroup v2)",
            View::V1 => " (cgroup v1)",
        }
    }

    /// Calls `work` while this process and those it starts see these hierarchies only.
    pub(super) fn show<T>(self, work: impl FnOnce() -> T) -> Result<T, String> {
        let failed = |error| format!("cannot show the cgroups of one version only: {error}");
        if self == View::Machine {
            return Ok(work());
        }
        let _back = Back::new().map_err(failed)?;
        self.arrange().map_err(failed)?;
        Ok(work())
    }

    fn arrange(self) -> rustix::io::Result<()> {
        sys::unshare::unshare(sys::clone::Namespaces::MNT)?;
        mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )?;
        let table = mount_table();
        if self == View::V1 {
            for hierarchy in mounts(&table, "cgroup2") {
                unmount(&hierarchy, UnmountFlags::DETACH)?;
            }
            return Ok(());
        }
        unmount(TOP, UnmountFlags::DETACH)?;
        mount("cgroup2", TOP, "cgroup2", MountFlags::empty(), None)
    }
}

/// The way back into the mount namespace of before.
struct Back(OwnedFd);

impl Back {
    fn new() -> rustix::io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::open("/proc/self/ns/mnt", flags, Mode::empty()).map(Back)
    }
}

impl Drop for Back {
    fn drop(&mut self) {
        let kind = Some(LinkNameSpaceType::Mount);
        if let Err(error) = rustix::thread::move_into_link_name_space(self.0.as_fd(), kind) {
            eprintln!("xtask: cannot go back to the own mount namespace: {error}");
        }
    }
}

fn mount_table() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()
}

/// Where file systems of a type are mounted.
fn mounts(table: &str, kind: &str) -> Vec<PathBuf> {
    let points = table.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        (right.split(' ').next()? == kind).then(|| left.split(' ').nth(4))?
    });
    points.map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_told_apart_by_their_version() {
        let table = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                     32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                     41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(
            mounts(table, "cgroup"),
            [PathBuf::from("/sys/fs/cgroup/cpu")]
        );
        assert_eq!(
            mounts(table, "cgroup2"),
            [PathBuf::from("/sys/fs/cgroup/unified")]
        );
    }
}
