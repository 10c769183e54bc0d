//! The mounts of a container: each entry of `config.json` becomes a detached mount first
//! ([`Mount::detach`]) and is then attached below the new root ([`attach`]), on a path that cannot
//! lead out of it. Who detaches, the parent with the host's rights or the child with its own, is
//! [`Mount::needs_host`].

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};
use sys::mount::{MountAttr, mount_setattr};

use super::options::{Attributes, Options};
use super::overlay::{MappedTo, Overlay, mapped_clone};
use crate::error::{Doing, Error, Fault};

/// One mount, resolved.
#[derive(Debug)]
pub(crate) struct Mount {
    /// The path in the container.
    pub(crate) destination: PathBuf,
    pub(crate) source: Source,
    pub(crate) options: Options,
}

/// Where a mount comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A new instance of a file system.
    FileSystem { kind: String, device: PathBuf },
    /// A file or directory of the host.
    Bind { path: PathBuf, recursive: bool },
    /// Layers.
    Overlay(Overlay),
    /// The container's own place in every cgroup hierarchy.
    Cgroup,
}

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

impl Mount {
    /// Resolves an entry of `config.json`; relative bind sources are relative to the bundle.
    pub(crate) fn resolve(entry: &spec::runtime::Mount, bundle: &Path) -> Result<Self, Error> {
        let options = Options::parse(&entry.options);
        let key = || format!("mount {}", entry.destination.display());
        if let Some(word) = &options.refused {
            return Err(Error::Unsupported {
                what: format!("{}: option {word:?}", key()),
            });
        }
        if !entry.uid_mappings.is_empty() || !entry.gid_mappings.is_empty() {
            return Err(Error::Unsupported {
                what: format!("{}: uidMappings", key()),
            });
        }
        let kind = entry.kind.as_deref().unwrap_or("");
        let source = match (kind, options.bind) {
            ("bind", _) | (_, Some(_)) => {
                let path = entry.source.as_ref().ok_or_else(|| Error::Invalid {
                    key: key(),
                    why: "a bind mount needs a source".to_owned(),
                })?;
                let recursive = options.bind.unwrap_or(true);
                Source::Bind {
                    path: bundle.join(path),
                    recursive,
                }
            }
            ("overlay", None) => Source::Overlay(
                Overlay::parse(&options.data).map_err(|why| Error::Invalid { key: key(), why })?,
            ),
            ("cgroup" | "cgroup2", None) => Source::Cgroup,
            ("", None) => {
                let why = "a mount that is not a bind mount needs a type".to_owned();
                return Err(Error::Invalid { key: key(), why });
            }
            _ => Source::FileSystem {
                kind: kind.to_owned(),
                device: entry.source.clone().unwrap_or_else(|| kind.into()),
            },
        };
        let root = Path::new("/");
        Ok(Self {
            destination: root.join(&entry.destination),
            source,
            options,
        })
    }

    /// Whether only the host's rights can make this mount for a container with a user namespace
    /// of its own: sources are opened with the rights of whoever asked for them, and id-mapping a
    /// file system of the host is the host's to allow.
    pub(crate) fn needs_host(&self) -> bool {
        match self.source {
            Source::Bind { .. } => true,
            Source::Overlay(_) => self.options.idmap.is_some(),
            Source::FileSystem { .. } | Source::Cgroup => false,
        }
    }

    /// Makes the mount without attaching it anywhere.
    pub(crate) fn detach(&self, mapped: Option<MappedTo<'_>>) -> Result<Detached, Fault> {
        let mapped = mapped.filter(|_| self.options.idmap.is_some());
        match &self.source {
            Source::Overlay(overlay) => overlay.mount(self.options.attributes.set, mapped),
            Source::Bind { path, recursive } => self
                .detach_bind(path, *recursive, mapped)
                .map(Detached::from),
            Source::FileSystem { kind, device } => {
                self.detach_file_system(kind, device).map(Detached::from)
            }
            // Several mounts with names of the hierarchies: see `cgroups.rs`.
            Source::Cgroup => Err(Fault::new(
                "mounting the cgroups as one mount",
                Errno::INVAL,
            )),
        }
    }

    fn detach_bind(
        &self,
        path: &Path,
        recursive: bool,
        mapped: Option<MappedTo<'_>>,
    ) -> Result<OwnedFd, Fault> {
        let clone = match mapped {
            Some(mapped) => mapped_clone(
                path,
                mapped.user_namespace,
                self.options.idmap == Some(true),
            )?,
            None => {
                let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
                if recursive {
                    flags |= OpenTreeFlags::AT_RECURSIVE;
                }
                open_tree(CWD, path, flags)
                    .doing(|| format!("opening the mount source {}", path.display()))?
            }
        };
        self.set_attributes(clone.as_fd(), self.options.attributes, false)?;
        Ok(clone)
    }

    fn detach_file_system(&self, kind: &str, device: &Path) -> Result<OwnedFd, Fault> {
        let clause = || format!("mounting {kind} at {}", self.destination.display());
        let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).doing(clause)?;
        fsconfig_set_string(&context, "source", device).doing(clause)?;
        for option in &self.options.data {
            match option.split_once('=') {
                Some((key, value)) => fsconfig_set_string(&context, key, value),
                None => fsconfig_set_flag(&context, option.as_str()),
            }
            .doing(|| format!("{} with the option {option}", clause()))?;
        }
        fsconfig_create(&context).doing(clause)?;
        fsmount(
            &context,
            FsMountFlags::FSMOUNT_CLOEXEC,
            self.options.attributes.set,
        )
        .doing(clause)
    }

    /// Sets what is said of the mount once it is attached: recursive attributes and propagation.
    pub(crate) fn finish(&self, mount: BorrowedFd<'_>) -> Result<(), Fault> {
        self.set_attributes(mount, self.options.recursive, true)?;
        for flags in &self.options.propagation {
            let recursive = flags.contains(rustix::mount::MountPropagationFlags::REC);
            let attr = MountAttr {
                propagation: flags.difference(rustix::mount::MountPropagationFlags::REC),
                ..MountAttr::default()
            };
            mount_setattr(mount, &attr, recursive)
                .doing(|| format!("setting the propagation of {}", self.destination.display()))?;
        }
        Ok(())
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
        mount_setattr(mount, &attr, recursive)
            .doing(|| format!("setting the attributes of {}", self.destination.display()))
    }
}

/// Attaches a detached mount at `destination` below `root`, making the mount point where it is
/// missing: a directory for a directory, an empty file for anything else.
pub(crate) fn attach(
    root: BorrowedFd<'_>,
    mount: BorrowedFd<'_>,
    destination: &Path,
) -> Result<(), Fault> {
    let clause = || format!("attaching the mount at {}", destination.display());
    let stat = rustix::fs::fstat(mount).doing(clause)?;
    let target = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        sys::path::create_dir_all_in_root(root, destination, 0o755)
    } else {
        sys::path::create_file_in_root(root, destination, 0o644)
    }
    .doing(|| format!("making the mount point {}", destination.display()))?;
    attach_at(mount, target.as_fd()).doing(clause)
}

/// Attaches a detached mount on what `target` refers to.
pub(crate) fn attach_at(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", target, "", flags)
}

/// A detached clone of the single mount (no mounts below it) that `fd` refers to.
pub(crate) fn clone_of(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(fd, "", flags)
}
