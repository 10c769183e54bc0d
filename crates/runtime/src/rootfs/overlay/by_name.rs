//! Overlays for older kernels: layers by name. The detached layers are attached under short names
//! in a mount namespace of our own, which nobody else sees and which goes with this call; what
//! comes back is as detached as ever.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags as Propagation,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change,
};
use rustix::process::{chroot, fchdir};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sys::clone::Namespaces;

use super::super::attach::attach_at;
use super::{Overlay, open_context};
use crate::error::{Doing, Fault};

/// What fsconfig(2) takes as one value.
const VALUE_MAX: usize = 255;
const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// The name of the directory with the writable layer.
const WRITABLE: &str = "_";

/// Makes the overlay of detached layers; `writable` is the directory of its upper and work
/// directories.
pub(super) fn mount(
    overlay: &Overlay,
    lower: &[OwnedFd],
    writable: Option<&OwnedFd>,
    attributes: MountAttrFlags,
) -> Result<OwnedFd, Fault> {
    let names: Vec<String> = (0..lower.len()).map(name).collect();
    let joined = names.join(":");
    if joined.len() > VALUE_MAX {
        let clause = format!("naming {} layers, which needs Linux 6.13", lower.len());
        return Err(Fault::new(clause, Errno::TOOBIG));
    }
    let place = Place::enter()?;
    for (name, layer) in names.iter().zip(lower) {
        place.attach(name, layer.as_fd())?;
    }
    let context = open_context()?;
    let set = |key: &str, value: &Path| {
        fsconfig_set_string(&context, key, value)
            .doing(|| format!("setting the overlay's {key} to {}", value.display()))
    };
    set("lowerdir", Path::new(&joined))?;
    if let (Some(clone), Some((upper, work))) = (writable, &overlay.writable) {
        place.attach(WRITABLE, clone.as_fd())?;
        let below = |path: &Path| Path::new(WRITABLE).join(path.file_name().unwrap_or_default());
        set("upperdir", &below(upper))?;
        set("workdir", &below(work))?;
    }
    let mounted = overlay.finish(&context, attributes);
    place.leave()?;
    mounted
}

fn name(number: usize) -> String {
    let digit = |number: usize| char::from(DIGITS[number % DIGITS.len()]);
    match number / DIGITS.len() {
        0 => digit(number).to_string(),
        high => [digit(high - 1), digit(number)].iter().collect(),
    }
}

/// A mount namespace of our own with an empty working directory, and the way back.
struct Place {
    directory: OwnedFd,
    namespace: OwnedFd,
    root: OwnedFd,
    working_directory: OwnedFd,
}

impl Place {
    fn enter() -> Result<Self, Fault> {
        let clause = || "making a mount namespace for the layers".to_owned();
        let directory = empty_directory().doing(clause)?;
        let place = Self {
            directory,
            namespace: open("/proc/self/ns/mnt", OFlags::RDONLY).doing(clause)?,
            root: open("/", OFlags::PATH).doing(clause)?,
            working_directory: open(".", OFlags::PATH).doing(clause)?,
        };
        sys::unshare::unshare(Namespaces::MNT).doing(clause)?;
        let settled = mount_change("/", Propagation::PRIVATE | Propagation::REC)
            .and_then(|()| open("/", OFlags::PATH))
            .and_then(|root| attach_at(place.directory.as_fd(), root.as_fd()))
            .and_then(|()| fchdir(&place.directory));
        if settled.is_err() {
            place.leave()?;
            return Err(Fault::new(clause(), settled.err().unwrap_or(Errno::IO)));
        }
        Ok(place)
    }

    fn attach(&self, name: impl AsRef<OsStr>, layer: BorrowedFd<'_>) -> Result<(), Fault> {
        let clause = || "attaching a layer".to_owned();
        let name = name.as_ref();
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        mkdirat(&self.directory, name, Mode::from_raw_mode(0o755)).doing(clause)?;
        let target = openat(&self.directory, name, flags, Mode::empty()).doing(clause)?;
        attach_at(layer, target.as_fd()).doing(clause)
    }

    fn leave(self) -> Result<(), Fault> {
        let clause = || "going back to the own mount namespace".to_owned();
        move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Mount))
            .doing(clause)?;
        fchdir(&self.root).doing(clause)?;
        chroot(".").doing(clause)?;
        fchdir(&self.working_directory).doing(clause)
    }
}

fn open(path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty())
}

fn empty_directory() -> Result<OwnedFd, Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "mode", "755")?;
    fsconfig_create(&context)?;
    fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_differ() {
        let names: std::collections::BTreeSet<String> = (0..127).map(name).collect();
        assert_eq!(names.len(), 127);
        assert!(names.iter().all(|name| name.len() <= 2));
    }
}
