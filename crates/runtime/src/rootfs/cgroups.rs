//! /sys/fs/cgroup in the container: the container's own cgroup of every hierarchy, bound from the
//! host's mounts. A bind costs no superblock, and in a cgroup namespace it looks like the root.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_string,
    fsmount, fsopen, open_tree,
};
use sys::mount::{MountAttr, mount_setattr};

use super::attach::{attach, attach_at};
use super::mounts::Mount;
use crate::cgroup::Paths;
use crate::error::{Doing, Fault};

/// Where a v2 hierarchy is that stands alone.
const LONE_V2: &str = "/sys/fs/cgroup";

/// Mounts the hierarchies at the mount's destination: the one of cgroup v2 there itself, those
/// of v1 in directories named as on the host. Without a cgroup of its own the container gets an
/// empty directory. `whole`: the container shares the host's cgroup namespace, where the paths in
/// /proc are those of the host; on v2 it gets the whole tree for them, as from its peers.
pub(super) fn mount(
    root: BorrowedFd<'_>,
    mount: &Mount,
    paths: Option<&Paths>,
    whole: bool,
) -> Result<(), Fault> {
    let attributes = mount.options.attributes.set;
    let destination = &mount.destination;
    let hierarchies: Vec<(&str, &Path)> = paths.map(Paths::by_mount_name).unwrap_or_default();
    if let [("", path)] = hierarchies.as_slice() {
        let path = if whole { Path::new(LONE_V2) } else { path };
        return attach(root, clone(path, attributes)?.as_fd(), destination);
    }
    let top = empty(attributes - MountAttrFlags::MOUNT_ATTR_RDONLY)?;
    attach(root, top.as_fd(), destination)?;
    for (name, path) in hierarchies {
        let place = directory_in(top.as_fd(), name)?;
        attach_at(clone(path, attributes)?.as_fd(), place.as_fd())
            .doing(|| format!("attaching the cgroup {}", path.display()))?;
    }
    if attributes.contains(MountAttrFlags::MOUNT_ATTR_RDONLY) {
        let attr = MountAttr {
            set: MountAttrFlags::MOUNT_ATTR_RDONLY,
            ..MountAttr::default()
        };
        mount_setattr(top.as_fd(), &attr, false)
            .doing(|| format!("making {} read-only", destination.display()))?;
    }
    Ok(())
}

/// A new directory in the empty file system that nobody but us has seen yet.
fn directory_in(top: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Fault> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    mkdirat(top, name, Mode::from_raw_mode(0o755))
        .and_then(|()| openat(top, name, flags, Mode::empty()))
        .doing(|| format!("making the directory of the cgroup hierarchy {name}"))
}

/// The cgroup at `path` as a mount of its own.
fn clone(path: &Path, attributes: MountAttrFlags) -> Result<OwnedFd, Fault> {
    let clause = || format!("mounting the cgroup {}", path.display());
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let clone = open_tree(CWD, path, flags).doing(clause)?;
    let attr = MountAttr {
        set: attributes,
        ..MountAttr::default()
    };
    mount_setattr(clone.as_fd(), &attr, false).doing(clause)?;
    Ok(clone)
}

fn empty(attributes: MountAttrFlags) -> Result<OwnedFd, Fault> {
    let clause = || "mounting the directory of the cgroup hierarchies".to_owned();
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).doing(clause)?;
    fsconfig_set_string(&context, "mode", "755").doing(clause)?;
    fsconfig_create(&context).doing(clause)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).doing(clause)
}
