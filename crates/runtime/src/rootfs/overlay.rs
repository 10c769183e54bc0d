//! The overlay of a container's layers as a detached mount, which the host's mount table never
//! shows. Which directories are layers is decided by whoever wrote `config.json`.
//!
//! With a user namespace made by the host's root, the layers and the writable directory are
//! id-mapped to it, so that everything on disk keeps canonical ids whatever range the container
//! runs with. Overlayfs acts with the credentials of whoever creates it, and uid 0 of the host has
//! no place in the id-mapped upper layer; so the caller takes on the host ids of the container's
//! root, for file access only, while the overlay is made.
//!
//! Kernels before 6.13 take no layers by fd, and those before 6.8 not one after the other; for them
//! there is `overlay/by_name.rs`. Which way it goes is found out by trying.

mod by_name;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_fd,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, open_tree,
};
use sys::fsuid::FsIds;
use sys::mount::{MountAttr, mount_setattr};

use super::detach::Detached;
use crate::error::{Doing, Fault};

/// The directories of one overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overlay {
    /// Read-only layers, topmost first; at least one.
    pub(crate) lower: Vec<PathBuf>,
    /// Where changes are written, with overlayfs' working directory beside it on the same file
    /// system. Without it the overlay is read-only.
    pub(crate) writable: Option<(PathBuf, PathBuf)>,
    /// Other options, handed to overlayfs as they are.
    pub(crate) options: Vec<String>,
}

/// Whose ids the layers are seen with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MappedTo<'a> {
    /// The user namespace of the container.
    pub(crate) user_namespace: BorrowedFd<'a>,
    /// The host's ids of the container's root.
    pub(crate) root_uid: u32,
    pub(crate) root_gid: u32,
}

impl Overlay {
    /// Reads `lowerdir=…`, `upperdir=…`, `workdir=…` and keeps the rest. In `lowerdir`, layers
    /// are parted by `:`, and `\` takes the meaning from what follows it.
    pub(crate) fn parse(data: &[String]) -> Result<Self, String> {
        let (mut lower, mut upper, mut work, mut options) = (Vec::new(), None, None, Vec::new());
        for option in data {
            match option.split_once('=') {
                Some(("lowerdir", value)) => lower = split_layers(value),
                Some(("upperdir", value)) => upper = Some(PathBuf::from(value)),
                Some(("workdir", value)) => work = Some(PathBuf::from(value)),
                _ => options.push(option.clone()),
            }
        }
        if lower.is_empty() {
            return Err("an overlay needs lowerdir".to_owned());
        }
        match (upper, work) {
            (Some(upper), Some(work)) => Ok(Self {
                lower,
                writable: Some((upper, work)),
                options,
            }),
            (None, None) => Ok(Self {
                lower,
                writable: None,
                options,
            }),
            _ => Err("an overlay needs upperdir and workdir together".to_owned()),
        }
    }

    /// Makes the detached mount.
    pub(super) fn mount(
        &self,
        attributes: MountAttrFlags,
        mapped: Option<MappedTo<'_>>,
    ) -> Result<Detached, Fault> {
        match mapped {
            Some(mapped) => self.mount_mapped(attributes, mapped),
            None => self.mount_plain(attributes).map(Detached::from),
        }
    }

    /// Layers with the ids that they have on disk.
    fn mount_plain(&self, attributes: MountAttrFlags) -> Result<OwnedFd, Fault> {
        match self.mount_by_path(attributes) {
            Err(fault) if is_too_new(fault.errno) => {}
            mounted => return mounted,
        }
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let clone = |path: &Path| {
            open_tree(CWD, path, flags).doing(|| format!("opening {}", path.display()))
        };
        let lower = self.lower.iter().map(|layer| clone(layer));
        let lower = lower.collect::<Result<Vec<_>, _>>()?;
        let writable = self.writable.as_ref();
        let parent = writable.map(|(upper, work)| clone(parent_of(upper, work)?));
        by_name::mount(self, &lower, parent.transpose()?.as_ref(), attributes)
    }

    fn mount_by_path(&self, attributes: MountAttrFlags) -> Result<OwnedFd, Fault> {
        let context = open_context()?;
        for layer in &self.lower {
            fsconfig_set_string(&context, "lowerdir+", layer.as_path())
                .doing(|| format!("adding the layer {}", layer.display()))?;
        }
        if let Some((upper, work)) = &self.writable {
            fsconfig_set_string(&context, "upperdir", upper.as_path())
                .doing(|| format!("adding the writable layer {}", upper.display()))?;
            fsconfig_set_string(&context, "workdir", work.as_path())
                .doing(|| format!("adding the work directory {}", work.display()))?;
        }
        self.finish(&context, attributes)
    }

    /// Layers by fd: each a detached, id-mapped clone of the directory.
    fn mount_mapped(
        &self,
        attributes: MountAttrFlags,
        mapped: MappedTo<'_>,
    ) -> Result<Detached, Fault> {
        let layers = self
            .lower
            .iter()
            .map(|layer| mapped_clone(layer, mapped.user_namespace))
            .collect::<Result<Vec<_>, _>>()?;
        // Upper and work must lie on one mount, so it is their parent that is cloned.
        let writable = self
            .writable
            .as_ref()
            .map(|(upper, work)| writable_fds(upper, work, mapped.user_namespace))
            .transpose()?;
        let _as_container_root = FsIds::assume(mapped.root_uid, mapped.root_gid)
            .doing(|| "taking on the ids of the container's root for file access".to_owned())?;
        let mount = match self.mount_by_fd(&layers, writable.as_ref(), attributes) {
            Err(fault) if is_too_new(fault.errno) => {
                let clone = writable.as_ref().map(|writable| &writable.clone);
                by_name::mount(self, &layers, clone, attributes)?
            }
            mounted => mounted?,
        };
        let clones = writable.map(|writable| writable.clone).into_iter();
        let sources = layers.into_iter().chain(clones).collect();
        Ok(Detached { mount, sources })
    }

    fn mount_by_fd(
        &self,
        layers: &[OwnedFd],
        writable: Option<&Writable>,
        attributes: MountAttrFlags,
    ) -> Result<OwnedFd, Fault> {
        let context = open_context()?;
        for (layer, path) in layers.iter().zip(&self.lower) {
            fsconfig_set_fd(&context, "lowerdir+", layer)
                .doing(|| format!("adding the layer {}", path.display()))?;
        }
        if let Some(Writable { upper, work, .. }) = writable {
            fsconfig_set_fd(&context, "upperdir", upper)
                .doing(|| "adding the writable layer".to_owned())?;
            fsconfig_set_fd(&context, "workdir", work)
                .doing(|| "adding the work directory".to_owned())?;
        }
        self.finish(&context, attributes)
    }

    fn finish(&self, context: &OwnedFd, attributes: MountAttrFlags) -> Result<OwnedFd, Fault> {
        for option in &self.options {
            match option.split_once('=') {
                Some((key, value)) => fsconfig_set_string(context, key, value),
                None => fsconfig_set_flag(context, option.as_str()),
            }
            .doing(|| format!("setting the overlay's option {option}"))?;
        }
        let layers = || {
            self.lower
                .iter()
                .map(|l| l.display().to_string())
                .collect::<Vec<_>>()
        };
        fsconfig_create(context)
            .doing(|| format!("making an overlay of {}", layers().join(":")))?;
        fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .doing(|| "mounting the overlay".to_owned())
    }
}

/// How kernels answer that do not know a way of naming layers.
fn is_too_new(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::OPNOTSUPP)
}

fn open_context() -> Result<OwnedFd, Fault> {
    fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).doing(|| "opening overlayfs".to_owned())
}

/// A detached clone of the mount below `path`, whose ids are those of the user namespace.
fn mapped_clone(path: &Path, user_namespace: BorrowedFd<'_>) -> Result<OwnedFd, Fault> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let clone = open_tree(CWD, path, flags).doing(|| format!("opening {}", path.display()))?;
    let attr = MountAttr {
        set: MountAttrFlags::MOUNT_ATTR_IDMAP,
        userns_fd: Some(user_namespace),
        ..MountAttr::default()
    };
    mount_setattr(clone.as_fd(), &attr, false)
        .doing(|| format!("id-mapping {}", path.display()))?;
    Ok(clone)
}

/// The directory that holds both.
fn parent_of<'a>(upper: &'a Path, work: &Path) -> Result<&'a Path, Fault> {
    let parent = upper
        .parent()
        .filter(|parent| work.parent() == Some(*parent));
    parent.ok_or(Errno::XDEV).doing(|| {
        format!(
            "finding {} and {} in one directory",
            upper.display(),
            work.display()
        )
    })
}

/// The upper and the work directory on one id-mapped clone of their parent.
struct Writable {
    upper: OwnedFd,
    work: OwnedFd,
    /// The kernel dissolves the clone when its fd is closed.
    clone: OwnedFd,
}

fn writable_fds(
    upper: &Path,
    work: &Path,
    user_namespace: BorrowedFd<'_>,
) -> Result<Writable, Fault> {
    let clause = || format!("opening the writable layer {}", upper.display());
    let parent = parent_of(upper, work)?;
    let clone = mapped_clone(parent, user_namespace)?;
    let open = |path: &Path| {
        let name = path.file_name().ok_or(Errno::INVAL).doing(clause)?;
        rustix::fs::openat(
            &clone,
            name,
            rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .doing(clause)
    };
    Ok(Writable {
        upper: open(upper)?,
        work: open(work)?,
        clone,
    })
}

fn split_layers(value: &str) -> Vec<PathBuf> {
    let (mut layers, mut layer, mut characters) = (Vec::new(), String::new(), value.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => layer.extend(characters.next()),
            ':' => layers.push(PathBuf::from(std::mem::take(&mut layer))),
            other => layer.push(other),
        }
    }
    layers.push(PathBuf::from(layer));
    layers.retain(|layer| !layer.as_os_str().is_empty());
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_parted_by_colons_which_can_be_escaped() {
        assert_eq!(
            split_layers(r"/a:/b\:c:/d"),
            [
                PathBuf::from("/a"),
                PathBuf::from("/b:c"),
                PathBuf::from("/d")
            ]
        );
    }

    #[test]
    fn an_upper_layer_without_a_work_directory_is_refused() {
        let data = ["lowerdir=/a".to_owned(), "upperdir=/u".to_owned()];
        assert!(Overlay::parse(&data).is_err());
    }
}
