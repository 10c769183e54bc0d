//! The root of a container that does not run, for whoever only wants its files: overlays and
//! directories in a mount namespace of the caller's own, which goes with the caller.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{
    MountAttrFlags, MountPropagationFlags as Propagation, OpenTreeFlags, mount_change, open_tree,
};
use sys::clone::Namespaces;
use sys::mount::{MountAttr, mount_setattr};

use super::attach::{attach, attach_at};
use super::overlay::Overlay;
use crate::error::{Doing, Error, Fault};

/// What is mounted in a view.
#[derive(Debug, Clone)]
pub enum Shown {
    /// An overlay, by its options as `config.json` has them.
    Overlay(Vec<String>),
    /// A directory or a file of the host.
    Bind(PathBuf),
}

/// One mount of a view.
#[derive(Debug, Clone)]
pub struct ShownAt {
    /// Where it is seen; `/` for the first.
    pub target: PathBuf,
    /// What is seen there.
    pub what: Shown,
    /// Whether it can only be read.
    pub read_only: bool,
}

/// Leaves the host's mounts behind, and for an ordinary user its ids: the caller is root of a user
/// namespace afterwards. The caller must have a single thread.
///
/// # Errors
/// The kernel's.
pub fn isolate() -> Result<(), Error> {
    Ok(try_isolate().doing(|| "making a mount namespace".to_owned())?)
}

fn try_isolate() -> Result<(), Errno> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    if uid.is_root() {
        sys::unshare::unshare(Namespaces::MNT)?;
    } else {
        sys::unshare::unshare(Namespaces::USER | Namespaces::MNT)?;
        let write = |name: &str, text: String| {
            let written = std::fs::write(format!("/proc/self/{name}"), text);
            written.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        };
        write("setgroups", "deny".to_owned())?;
        write("uid_map", format!("0 {} 1", uid.as_raw()))?;
        write("gid_map", format!("0 {} 1", gid.as_raw()))?;
    }
    mount_change("/", Propagation::PRIVATE | Propagation::REC)
}

/// Puts a root together at the directory `place`, in the mount namespace that [`isolate`] made, and
/// gives back what names it (`O_PATH`).
///
/// # Errors
/// The kernel's, naming the mount.
pub fn view(place: &Path, mounts: &[ShownAt]) -> Result<OwnedFd, Error> {
    let mut root = open_place(place).doing(|| format!("opening {}", place.display()))?;
    for mount in mounts {
        let detached = mount.detached()?;
        if mount.target == Path::new("/") {
            attach_at(detached.as_fd(), root.as_fd())
                .and_then(|()| open_place(place))
                .doing(|| "attaching the root".to_owned())
                .map(|new| root = new)?;
        } else {
            attach(root.as_fd(), detached.as_fd(), &mount.target)?;
        }
    }
    if mounts.first().is_some_and(|root| root.read_only) {
        let read_only = MountAttr {
            set: MountAttrFlags::MOUNT_ATTR_RDONLY,
            ..MountAttr::default()
        };
        mount_setattr(root.as_fd(), &read_only, false)
            .doing(|| "making the root read-only".to_owned())?;
    }
    Ok(root)
}

fn open_place(place: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, place, flags, Mode::empty())
}

impl ShownAt {
    fn detached(&self) -> Result<OwnedFd, Fault> {
        let mut attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        // The places of others are made in the root first.
        if self.read_only && self.target != Path::new("/") {
            attributes |= MountAttrFlags::MOUNT_ATTR_RDONLY;
        }
        match &self.what {
            Shown::Overlay(options) => {
                let overlay =
                    Overlay::parse(options).map_err(|why| Fault::new(why, Errno::INVAL))?;
                Ok(overlay.mount(attributes, None)?.mount)
            }
            Shown::Bind(source) => {
                let clause = || format!("opening {}", source.display());
                let flags = OpenTreeFlags::OPEN_TREE_CLONE
                    | OpenTreeFlags::OPEN_TREE_CLOEXEC
                    | OpenTreeFlags::AT_RECURSIVE;
                let mount = open_tree(CWD, source, flags).doing(clause)?;
                let attributes = MountAttr {
                    set: attributes,
                    ..MountAttr::default()
                };
                mount_setattr(mount.as_fd(), &attributes, true).doing(clause)?;
                Ok(mount)
            }
        }
    }
}
