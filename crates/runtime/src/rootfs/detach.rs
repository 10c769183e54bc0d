//! From a resolved mount to one that the kernel has made and that is attached nowhere yet, by the
//! parent with the host's rights or by init with its own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags as Attr, MountPropagationFlags as Propagation,
    OpenTreeFlags, fsconfig_create, fsconfig_reconfigure, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen, open_tree,
};
use sys::mount::{MountAttr, mount_setattr};

use super::copy_up;
use super::mounts::{Mount, Source};
use super::options::Attributes;
use super::overlay::MappedTo;
use crate::error::{Doing, Fault};

/// Flags that a user namespace cannot take away from a mount of its owner.
const LOCKABLE: Attr = Attr::MOUNT_ATTR_RDONLY
    .union(Attr::MOUNT_ATTR_NOSUID)
    .union(Attr::MOUNT_ATTR_NODEV)
    .union(Attr::MOUNT_ATTR_NOEXEC);

/// One that it can.
const UNLOCKABLE: Attr = Attr::MOUNT_ATTR_NOSYMFOLLOW;

/// A mount that is attached nowhere.
#[derive(Debug)]
pub(crate) struct Detached {
    pub(crate) mount: OwnedFd,
    /// The trees it was made from. It does not need them any more, but closing one waits for a
    /// grace period of the kernel's RCU, which nobody should be kept waiting for.
    pub(crate) sources: Vec<OwnedFd>,
}

impl From<OwnedFd> for Detached {
    fn from(mount: OwnedFd) -> Self {
        Self {
            mount,
            sources: Vec::new(),
        }
    }
}

/// Who makes a mount.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Maker<'a> {
    /// The container's init, in its own mount namespace.
    Init,
    /// The parent, in the host's. With the user namespace that an id-mapped mount shows.
    Parent(Option<MappedTo<'a>>),
}

impl Mount {
    /// Makes the mount without attaching it anywhere.
    pub(crate) fn detach(&self, maker: Maker<'_>) -> Result<Detached, Fault> {
        let mapped = match maker {
            Maker::Parent(mapped) => mapped.filter(|_| self.idmap.is_some()),
            Maker::Init => None,
        };
        match &self.source {
            Source::Overlay(overlay) => overlay.mount(self.options.attributes.set, mapped),
            Source::Bind {
                path,
                below,
                recursive,
            } => {
                let clone = match below {
                    None => clone_tree(CWD, path, *recursive)?,
                    Some(root) => {
                        let source = open_below(root, path)?;
                        clone_tree(&source, Path::new(""), *recursive)?
                    }
                };
                if matches!(maker, Maker::Parent(_)) {
                    self.part_from_host(clone.as_fd())?;
                }
                if let Some(mapped) = mapped {
                    self.map_ids(clone.as_fd(), mapped)?;
                }
                self.set_bind_attributes(clone.as_fd())?;
                Ok(clone.into())
            }
            Source::FileSystem { kind, device } => self
                .detach_file_system(kind, device, None)
                .map(Detached::from),
            // Made in place, or more than one mount.
            Source::Inside { .. } | Source::Cgroup | Source::Remount => Err(Fault::new(
                format!("making the mount of {}", self.destination.display()),
                Errno::INVAL,
            )),
        }
    }

    /// Makes a mount that needs the root as it is by then ([`Mount::is_made_in_place`]).
    pub(super) fn make_in_place(&self, root: BorrowedFd<'_>) -> Result<OwnedFd, Fault> {
        if let Source::Inside { path, recursive } = &self.source {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let source = sys::path::open_in_root(root, path, flags)
                .doing(|| format!("opening the mount source {} in the root", path.display()))?;
            let clone = clone_tree(&source, Path::new(""), *recursive)?;
            self.set_bind_attributes(clone.as_fd())?;
            return Ok(clone);
        }
        let Source::FileSystem { kind, device } = &self.source else {
            return self.detach(Maker::Init).map(|detached| detached.mount);
        };
        let clause = || format!("looking at {}", self.destination.display());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let before = match sys::path::open_in_root(root, &self.destination, flags) {
            Err(Errno::NOENT) => None,
            found => Some(found.doing(clause)?),
        };
        // What was there before decides, unless the configuration does.
        let mode = match &before {
            Some(before) if !self.has_mode() => {
                let stat = rustix::fs::fstat(before).doing(clause)?;
                Some(format!("{:o}", stat.st_mode & 0o7777))
            }
            _ => None,
        };
        let mount = self.detach_file_system(kind, device, mode.as_deref())?;
        if let Some(before) = before.filter(|_| self.options.copy_up) {
            copy_up::copy(before.as_fd(), mount.as_fd())
                .doing(|| format!("copying {} into its tmpfs", self.destination.display()))?;
        }
        Ok(mount)
    }

    /// A clone made in the host's mount namespace belongs to the host's peer groups: what the
    /// container mounts there would appear on the host. Only who asks for sharing gets it, and what
    /// asks for the contrary gets that as soon as it is attached.
    fn part_from_host(&self, clone: BorrowedFd<'_>) -> Result<(), Fault> {
        let is_said = |flags: &Propagation| {
            flags.contains(Propagation::SHARED) || flags.contains(Propagation::REC)
        };
        if self.options.propagation.iter().any(is_said) {
            return Ok(());
        }
        let attr = MountAttr {
            propagation: Propagation::DOWNSTREAM,
            ..MountAttr::default()
        };
        mount_setattr(clone, &attr, true)
            .doing(|| format!("parting {} from the host", self.destination.display()))
    }

    fn map_ids(&self, clone: BorrowedFd<'_>, mapped: MappedTo<'_>) -> Result<(), Fault> {
        let attr = MountAttr {
            set: Attr::MOUNT_ATTR_IDMAP,
            userns_fd: Some(mapped.user_namespace),
            ..MountAttr::default()
        };
        let recursive = self.idmap.as_ref().is_some_and(|map| map.recursive);
        mount_setattr(clone, &attr, recursive).doing(|| {
            let destination = self.destination.display();
            format!("id-mapping the mount at {destination} (its file system must allow it)")
        })
    }

    fn detach_file_system(
        &self,
        kind: &str,
        device: &Path,
        mode: Option<&str>,
    ) -> Result<OwnedFd, Fault> {
        let clause = || format!("mounting {kind} at {}", self.destination.display());
        let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).doing(clause)?;
        fsconfig_set_string(&context, "source", device).doing(clause)?;
        if let Some(mode) = mode {
            fsconfig_set_string(&context, "mode", mode).doing(clause)?;
        }
        self.configure(&context, clause)?;
        let mut attributes = self.options.attributes.set;
        if attributes.contains(Attr::MOUNT_ATTR_RDONLY) && is_block_device(device) {
            fsconfig_set_flag(&context, "ro").doing(clause)?;
        }
        if self.is_closed_last() {
            attributes -= Attr::MOUNT_ATTR_RDONLY;
        }
        let made = fsconfig_create(&context)
            .and_then(|()| fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes));
        match made {
            // A container of an ordinary user that has the host's network cannot have a sysfs of
            // its own; the host's, which it may not write to, shows it the same.
            Err(Errno::PERM) if kind == "sysfs" && attributes.contains(Attr::MOUNT_ATTR_RDONLY) => {
                let host = clone_tree(CWD, Path::new("/sys"), true)?;
                self.set_attributes(host.as_fd(), self.options.attributes, true)?;
                Ok(host)
            }
            made => made.doing(|| explained(&context, clause())),
        }
    }

    /// Hands the file system its options.
    fn configure(&self, context: &OwnedFd, clause: impl Fn() -> String) -> Result<(), Fault> {
        for option in &self.options.data {
            match option.split_once('=') {
                Some((key, value)) => fsconfig_set_string(context, key, value),
                None => fsconfig_set_flag(context, option.as_str()),
            }
            .doing(|| explained(context, format!("{} with the option {option}", clause())))?;
        }
        for flag in &self.options.superblock {
            fsconfig_set_flag(context, *flag)
                .doing(|| format!("{} with the option {flag}", clause()))?;
        }
        Ok(())
    }

    /// Changes what is mounted at `target`: this mount of it, and unless it is a bind mount, the
    /// file system.
    pub(super) fn remount(&self, target: BorrowedFd<'_>) -> Result<(), Fault> {
        let clause = || format!("remounting {}", self.destination.display());
        self.set_attributes(target, self.options.attributes, false)?;
        let options = &self.options;
        if options.bind.is_some() || (options.data.is_empty() && options.superblock.is_empty()) {
            return Ok(());
        }
        let flags = rustix::mount::FsPickFlags::FSPICK_EMPTY_PATH
            | rustix::mount::FsPickFlags::FSPICK_CLOEXEC;
        let context = rustix::mount::fspick(target, "", flags).doing(clause)?;
        self.configure(&context, clause)?;
        fsconfig_reconfigure(&context).doing(|| explained(&context, clause()))
    }

    /// Sets what is said of the mount once it is attached: recursive attributes and propagation.
    pub(crate) fn finish(&self, mount: BorrowedFd<'_>) -> Result<(), Fault> {
        self.set_attributes(mount, self.options.recursive, true)?;
        for flags in &self.options.propagation {
            let recursive = flags.contains(Propagation::REC);
            let attr = MountAttr {
                propagation: flags.difference(Propagation::REC),
                ..MountAttr::default()
            };
            mount_setattr(mount, &attr, recursive)
                .doing(|| format!("setting the propagation of {}", self.destination.display()))?;
        }
        Ok(())
    }

    /// Makes the mount read-only that had to be writable until its place in the root was ready
    /// ([`Mount::is_closed_last`]).
    pub(crate) fn close(&self, mount: BorrowedFd<'_>) -> Result<(), Fault> {
        let attr = MountAttr {
            set: Attr::MOUNT_ATTR_RDONLY,
            ..MountAttr::default()
        };
        mount_setattr(mount, &attr, false)
            .doing(|| format!("making {} read-only", self.destination.display()))
    }

    /// Whoever says one word of a bind mount's flags says them all, as with mount(2): what the
    /// source has and nobody named goes. In a user namespace it stays, since there the source's
    /// owner has the last word.
    fn set_bind_attributes(&self, clone: BorrowedFd<'_>) -> Result<(), Fault> {
        let said = self.options.attributes;
        if said.is_empty() {
            return Ok(());
        }
        let without = |flags: Attr| Attributes {
            clear: said.clear | (flags - said.set),
            ..said
        };
        if !self.keeps_flags {
            let all = without(UNLOCKABLE | LOCKABLE);
            match self.set_attributes(clone, all, false) {
                // We are in somebody's user namespace ourselves.
                Err(fault) if fault.errno == Errno::PERM => {}
                other => return other,
            }
        }
        self.set_attributes(clone, without(UNLOCKABLE), false)
    }

    fn set_attributes(
        &self,
        mount: BorrowedFd<'_>,
        attributes: Attributes,
        recursive: bool,
    ) -> Result<(), Fault> {
        if attributes.is_empty() {
            return Ok(());
        }
        let attr = MountAttr {
            set: attributes.set,
            clear: attributes.clear,
            ..MountAttr::default()
        };
        mount_setattr(mount, &attr, recursive).map_err(|errno| {
            let hint = match errno {
                Errno::PERM => " (a user namespace cannot clear what its owner's mount has set)",
                _ => "",
            };
            let destination = self.destination.display();
            Fault::new(
                format!("setting the attributes of {destination}{hint}"),
                errno,
            )
        })
    }
}

/// Opens `path`, which lies below `root`, without leaving that by any link.
fn open_below(root: &Path, path: &Path) -> Result<OwnedFd, Fault> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let inside = path.strip_prefix(root).unwrap_or(path);
    rustix::fs::open(root, flags | OFlags::DIRECTORY, Mode::empty())
        .and_then(|root| sys::path::open_in_root(root.as_fd(), inside, flags))
        .doing(|| format!("opening the mount source {} in the root", path.display()))
}

fn clone_tree(directory: impl AsFd, path: &Path, recursive: bool) -> Result<OwnedFd, Fault> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    open_tree(directory, path, flags)
        .doing(|| format!("opening the mount source {}", path.display()))
}

fn is_block_device(path: &Path) -> bool {
    let stat = rustix::fs::stat(path);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice)
}

/// A clause with what the kernel wrote into the context's log.
fn explained(context: &OwnedFd, clause: String) -> String {
    let mut message = [0u8; 256];
    let length = rustix::io::read(context, &mut message).unwrap_or(0);
    let message = String::from_utf8_lossy(message.get(..length).unwrap_or_default());
    match message.trim().get(2..) {
        // Each message begins with its level: "e tmpfs: Unknown parameter".
        Some(words) => format!("{clause} ({words})"),
        None => clause,
    }
}
