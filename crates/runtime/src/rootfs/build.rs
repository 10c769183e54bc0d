//! The order in which a container's root file system is put together, seen from its init. The
//! change into it is `pivot_root.rs`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    MountAttrFlags, MountPropagationFlags as Propagation, MoveMountFlags, mount_change, move_mount,
};
use spec::runtime::Device;
use sys::mount::{MountAttr, mount_setattr};

use super::detach::Maker;
use super::mounts::{Mount, Source};
use super::{attach, cgroups, devices};
use crate::cgroup::Paths;
use crate::error::{Doing, Fault};

/// A container's root file system, resolved.
#[derive(Debug)]
pub(crate) struct Root<'a> {
    /// The mounts in the order of `config.json`; the first one is the root itself.
    pub(crate) mounts: Vec<Mount>,
    /// Whether the parent makes those mounts that need the host's rights.
    pub(crate) by_parent: bool,
    /// Make the root read-only once it is complete.
    pub(crate) readonly: bool,
    /// The propagation of the finished root.
    pub(crate) propagation: Option<Propagation>,
    /// Devices beside the default ones.
    pub(crate) devices: &'a [Device],
    /// Whether init can make device nodes.
    pub(crate) may_mknod: bool,
    /// The container's cgroup in each hierarchy.
    pub(crate) cgroup: Option<&'a Paths>,
    /// Whether the cgroup namespace is the host's.
    pub(crate) shares_cgroups: bool,
    /// Whether the root is entered by chroot, on top of the old one.
    pub(crate) no_pivot: bool,
    /// Whether the mount namespace is the host's: the root is mounted there, and entered.
    pub(crate) shares_mounts: bool,
    pub(crate) masked: &'a [PathBuf],
    pub(crate) readonly_paths: &'a [PathBuf],
}

/// The detached mounts of both sides, taken in the order of the configuration.
struct Pieces {
    own: std::vec::IntoIter<Option<OwnedFd>>,
    sent: std::vec::IntoIter<OwnedFd>,
}

impl Pieces {
    fn next(&mut self) -> Result<OwnedFd, Fault> {
        let own = self.own.next().flatten();
        own.or_else(|| self.sent.next())
            .ok_or_else(|| Fault::new("receiving a mount from the parent", Errno::PROTO))
    }

    fn skip(&mut self) {
        self.own.next();
    }
}

/// The new root, complete but for what is closed last.
pub(crate) struct Built<'a> {
    pub(crate) root: OwnedFd,
    /// Mounts that become read-only now that nothing more is made in them.
    closed_last: Vec<(&'a Mount, OwnedFd)>,
}

impl Built<'_> {
    /// Makes read-only what had to be writable so far.
    pub(crate) fn close(&self) -> Result<(), Fault> {
        let mut last = self.closed_last.iter();
        last.try_for_each(|(mount, fd)| mount.close(fd.as_fd()))
    }
}

impl Root<'_> {
    /// The mounts that the parent makes and sends, in their order.
    pub(crate) fn made_by_parent(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter().filter(|mount| self.parent_makes(mount))
    }

    /// Where the root is mounted on the host, if it is.
    pub(crate) fn on_host(&self) -> Option<&Path> {
        let mount = self.mounts.first().filter(|_| self.shares_mounts)?;
        match &mount.source {
            Source::Bind { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Whether mounts shall travel between the host and the container.
    pub(crate) fn shares(&self) -> bool {
        self.propagation
            .is_some_and(|flags| flags.contains(Propagation::SHARED))
    }

    fn parent_makes(&self, mount: &Mount) -> bool {
        mount.has_own_map() || self.by_parent && mount.needs_host()
    }

    /// Makes the mounts that need no help, attached nowhere yet, while the parent makes the others;
    /// in the order of `mounts`, with gaps for the parent's.
    pub(crate) fn prepare(&self) -> Result<Vec<Option<OwnedFd>>, Fault> {
        let clause = || "cutting the propagation of mounts to the host".to_owned();
        // Nothing that is mounted from here on may show up on the host, unless that is asked for;
        // the container's root, which covers ours, may never.
        if self.shares_mounts {
            // What propagates how on the host is the host's to say.
        } else if self.shares() {
            mount_change("/", Propagation::PRIVATE).doing(clause)?;
        } else {
            mount_change("/", Propagation::DOWNSTREAM | Propagation::REC).doing(clause)?;
        }
        let own = |mount: &Mount| match mount.source {
            Source::Cgroup | Source::Remount => Ok(None),
            _ if mount.is_made_in_place() || self.parent_makes(mount) => Ok(None),
            _ => mount
                .detach(Maker::Init)
                .map(|detached| Some(detached.mount)),
        };
        self.mounts.iter().map(own).collect()
    }

    /// Puts everything together and gives back the new root: what [`Root::prepare`] made, and the
    /// mounts that the parent sent.
    pub(crate) fn build(
        &self,
        own: Vec<Option<OwnedFd>>,
        sent: Vec<OwnedFd>,
    ) -> Result<Built<'_>, Fault> {
        let mut pieces = Pieces {
            own: own.into_iter(),
            sent: sent.into_iter(),
        };
        let (root_mount, others) = self
            .mounts
            .split_first()
            .ok_or_else(|| Fault::new("finding a root", Errno::INVAL))?;
        let mut built = Built {
            root: pieces.next()?,
            closed_last: Vec::new(),
        };
        if self.shares() {
            // As the host's peer it could not be pivoted to.
            let attr = MountAttr {
                propagation: Propagation::PRIVATE,
                ..MountAttr::default()
            };
            mount_setattr(built.root.as_fd(), &attr, false)
                .doing(|| "parting the root from the host's mounts".to_owned())?;
        }
        self.attach(root_mount, &built.root)?;
        root_mount.finish(built.root.as_fd())?;
        for mount in others {
            let made = self.add(built.root.as_fd(), mount, &mut pieces)?;
            let closed = made.filter(|_| mount.is_closed_last());
            built.closed_last.extend(closed.map(|fd| (mount, fd)));
        }
        if self.makes_devices() {
            devices::furnish(built.root.as_fd(), self.devices, self.may_mknod)?;
        }
        Ok(built)
    }

    /// The new root must be attached somewhere in the mount namespace before it can be pivoted to.
    /// Hooks look for it where it comes from; where that cannot be reached, and for a root that
    /// comes from nowhere, the host's root directory is the one place that is always there.
    fn attach(&self, mount: &Mount, root: &OwnedFd) -> Result<(), Fault> {
        let at = |path: &Path| {
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            move_mount(root, "", CWD, path, flags).doing(|| "attaching the root file system".into())
        };
        match &mount.source {
            Source::Bind { path, .. } if self.shares_mounts => at(path),
            // Only what lies on the old root can take its place without pivot_root.
            Source::Bind { path, .. } if !self.shares() && !self.no_pivot => {
                at(path).or_else(|_| at(Path::new("/")))
            }
            _ => at(Path::new("/")),
        }
    }

    /// Adds one mount; gives it back where it is one.
    fn add(
        &self,
        root: BorrowedFd<'_>,
        mount: &Mount,
        pieces: &mut Pieces,
    ) -> Result<Option<OwnedFd>, Fault> {
        match mount.source {
            Source::Cgroup => {
                pieces.skip();
                cgroups::mount(root, mount, self.cgroup, self.shares_cgroups)?;
                return Ok(None);
            }
            Source::Remount => {
                pieces.skip();
                let target = attach::open(root, &mount.destination)?;
                mount.remount(target.as_fd())?;
                mount.finish(target.as_fd())?;
                return Ok(None);
            }
            _ => {}
        }
        let detached = if mount.is_made_in_place() {
            pieces.skip();
            mount.make_in_place(root)?
        } else {
            pieces.next()?
        };
        mount.attach(root, detached.as_fd())?;
        mount.finish(detached.as_fd())?;
        Ok(Some(detached))
    }

    /// A /dev that comes from the host has its own nodes.
    fn makes_devices(&self) -> bool {
        let is_dev = |mount: &&Mount| mount.destination == Path::new("/dev");
        let mut bound = self.mounts.iter().filter(is_dev);
        bound.all(|mount| matches!(mount.source, Source::FileSystem { .. }))
    }

    /// What is left to do once the process stands in the new root.
    pub(crate) fn close_off(&self) -> Result<(), Fault> {
        if let Some(flags) = self.propagation {
            mount_change("/", flags).doing(|| "setting the root's propagation".to_owned())?;
        }
        if !self.readonly {
            return Ok(());
        }
        let clause = || "making the root read-only".to_owned();
        let root = rustix::fs::open(
            "/",
            rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .doing(clause)?;
        let attr = MountAttr {
            set: MountAttrFlags::MOUNT_ATTR_RDONLY,
            ..MountAttr::default()
        };
        mount_setattr(root.as_fd(), &attr, false).doing(clause)
    }
}
