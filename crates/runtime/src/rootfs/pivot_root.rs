//! The change of the root: one reason per call.
//!
//! Source: pivot_root(2), `pivot_root(".", ".")`.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, statx};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags as Propagation, UnmountFlags, mount, mount_change, unmount,
};

use super::on_host::enter;
use crate::error::{Doing, Fault};

/// Makes the mount that `root` refers to the root of the mount namespace and lets go of the old
/// one, so that nothing of the host can be reached by a path. `shares` is whether mounts of the old
/// root are still the host's peers.
pub(crate) fn pivot_root(root: BorrowedFd<'_>, shares: bool) -> Result<(), Fault> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let old = shares.then(|| rustix::fs::open("/", flags, Mode::empty()));
    let old = old
        .transpose()
        .doing(|| "opening the old root".to_owned())?;
    rustix::process::fchdir(root).doing(|| "entering the new root".to_owned())?;
    // With both arguments the same directory, the old root is stacked on the new one, and no
    // directory for it is needed inside the image.
    rustix::process::pivot_root(".", ".").doing(|| "changing the root".to_owned())?;
    if let Some(old) = old {
        // Unmounting must not travel back to the host.
        let clause = || "cutting the old root's propagation".to_owned();
        rustix::process::fchdir(old).doing(clause)?;
        mount_change(".", Propagation::DOWNSTREAM | Propagation::REC).doing(clause)?;
    }
    // The old root is busy with the host's files: detaching is all that is possible and needed.
    unmount(".", UnmountFlags::DETACH).doing(|| "letting go of the old root".to_owned())?;
    // The working directory still is the old place.
    rustix::process::chdir("/").doing(|| "entering the root".to_owned())
}

/// The other way, for `--no-pivot` and for a root that cannot be pivoted (an initramfs): the new
/// root, which lies on the old one, is entered. It is weaker, since the old root stays mounted
/// below; what protects it is that no path leads there.
pub(crate) fn move_root(root: BorrowedFd<'_>) -> Result<(), Fault> {
    hide_host_pseudo_filesystems(root)?;
    enter(root)
}

/// The kernel lets a user namespace mount a proc or a sysfs of its own only as far as one is
/// visible already: those of the host, with nothing masked, must not be there to be seen.
fn hide_host_pseudo_filesystems(root: BorrowedFd<'_>) -> Result<(), Fault> {
    let clause = || "hiding the host's /proc and /sys".to_owned();
    let stat = statx(root, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).doing(clause)?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").doing(clause)?;
    for point in unmasked_pseudo_filesystems(&mounts, stat.stx_mnt_id) {
        match unmount(&point, UnmountFlags::DETACH) {
            Ok(()) | Err(Errno::NOENT) => {}
            // It is locked: whoever has no right to take it away covers it.
            Err(Errno::INVAL | Errno::PERM) => {
                mount("tmpfs", &point, "tmpfs", MountFlags::empty(), None).doing(clause)?;
            }
            Err(errno) => return Err(Fault::new(clause(), errno)),
        }
    }
    Ok(())
}

/// The mount points of every proc and sysfs that is mounted with its own root, but for those in the
/// tree of the mount `new_root`: paths are still those of the old one.
fn unmasked_pseudo_filesystems(mountinfo: &str, new_root: u64) -> Vec<PathBuf> {
    let mut parents = HashMap::new();
    let mut found = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let fields: Vec<&str> = left.split(' ').collect();
        let [id, parent, _, root, point, ..] = fields[..] else {
            continue;
        };
        let (Ok(id), Ok(parent)) = (id.parse::<u64>(), parent.parse::<u64>()) else {
            continue;
        };
        parents.insert(id, parent);
        if root == "/" && (right.starts_with("proc ") || right.starts_with("sysfs ")) {
            found.push((id, PathBuf::from(point)));
        }
    }
    let is_inside = |id: u64| {
        let up = |id: &u64| parents.get(id).copied();
        std::iter::successors(Some(id), up)
            .take(parents.len())
            .any(|above| above == new_root)
    };
    found.retain(|(id, _)| !is_inside(*id));
    found.into_iter().map(|(_, point)| point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pseudo_file_systems_are_hidden() {
        let mountinfo = "\
22 29 0:21 / /sys rw shared:7 - sysfs sysfs rw
23 29 0:22 / /proc rw shared:14 - proc proc rw
30 29 8:1 / / rw - ext4 /dev/sda rw
31 30 0:40 / /proc rw - proc proc rw
24 23 0:22 /sys /proc/sys ro - proc proc rw
25 29 0:6 / /dev rw shared:2 - devtmpfs udev rw
";
        let found = unmasked_pseudo_filesystems(mountinfo, 30);
        assert_eq!(found, [PathBuf::from("/sys"), PathBuf::from("/proc")]);
    }
}
