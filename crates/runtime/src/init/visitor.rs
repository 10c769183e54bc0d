//! A process that goes into the mount namespace of a container for one errand, so that its maker
//! stays where it is.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;
use rustix::process::{DumpableBehavior, Pid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use spec::runtime::NamespaceType;
use sys::clone::{Clone, clone3};

use super::Step;
use super::protocol::{self, FromInit, hear_init, tell_parent};
use crate::error::{Doing, Error, Fault};
use crate::namespaces;
use crate::process::Process;
use crate::rootfs::on_host;

/// What the visitor has at hand.
pub(crate) struct Visit<'a> {
    /// The container's root directory.
    pub(crate) root: BorrowedFd<'a>,
    /// The visitor's own descriptors, which the container's /proc does not show.
    descriptors: OwnedFd,
}

impl Visit<'_> {
    /// Unmounts the mount whose root `mounted` refers to, by no name that anybody could change.
    pub(crate) fn unmount(&self, mounted: BorrowedFd<'_>) -> Result<(), Errno> {
        rustix::process::fchdir(&self.descriptors)?;
        let name = mounted.as_raw_fd().to_string();
        rustix::mount::unmount(name, UnmountFlags::DETACH)
    }
}

/// Does `errand` in the mount namespace of the container whose init is `pid`; the rights stay the
/// caller's.
pub(crate) fn visit(
    pid: Pid,
    errand: impl FnOnce(&Visit<'_>) -> Result<(), Fault>,
) -> Result<(), Error> {
    let clause = || "making a process to go into the container".to_owned();
    let mounts = namespaces::open_of(pid, NamespaceType::Mount)?;
    let root = on_host::of_process(pid)?;
    let (ours, theirs) = protocol::pair().doing(clause)?;
    let child = clone3(&Clone::default(), || {
        let done = enter(mounts.as_fd()).and_then(|descriptors| {
            errand(&Visit {
                root: root.as_fd(),
                descriptors,
            })
        });
        let told = match done {
            Ok(()) => FromInit::Ready,
            Err(fault) => FromInit::Failed {
                step: Step::RootFs,
                fault,
            },
        };
        let _ = tell_parent(&theirs, &told);
        sys::exec::exit_now(0)
    })
    .doing(clause)?;
    drop(theirs);
    let heard = hear_init(&ours).doing(|| "waiting for the errand's end".to_owned());
    let process = Process {
        pid: child.pid,
        pidfd: child.pidfd,
        terminal: None,
        sources: Vec::new(),
    };
    process.wait()?;
    match heard? {
        FromInit::Ready => Ok(()),
        FromInit::Failed { fault, .. } => Err(fault.into()),
        _ => Err(Fault::new("waiting for the errand's end", Errno::PROTO).into()),
    }
}

/// Gives back the directory of the caller's descriptors.
fn enter(mounts: BorrowedFd<'_>) -> Result<OwnedFd, Fault> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let descriptors = rustix::fs::open("/proc/self/fd", flags, Mode::empty())
        .doing(|| "opening /proc/self/fd".to_owned())?;
    // Whoever is inside must not be able to look into us.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .doing(|| "hiding from the container's processes".to_owned())?;
    move_into_link_name_space(mounts, Some(LinkNameSpaceType::Mount))
        .doing(|| "joining the mount namespace".to_owned())?;
    Ok(descriptors)
}
