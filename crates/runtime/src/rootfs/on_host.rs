//! The root of a container without a mount namespace of its own: it is mounted on the host, at the
//! place it comes from, as long as the container is there. Known by the kernel's number of the
//! mount, so that nobody else's is taken away.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, statx};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::error::{Doing, Fault};

/// A root on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RootOnHost {
    path: PathBuf,
    /// What was mounted there before.
    below: u64,
    /// The container's mount, once it is known.
    own: Option<u64>,
}

impl RootOnHost {
    /// The place `path`, where nothing of the container is yet.
    pub(crate) fn before(path: &Path) -> Result<Self, Fault> {
        let below = mount_at(path)?;
        Ok(Self {
            path: path.to_owned(),
            below,
            own: None,
        })
    }

    /// Notes the mount that the container's init has made.
    pub(crate) fn note(&mut self) -> Result<(), Fault> {
        self.own = Some(mount_at(&self.path)?);
        Ok(())
    }

    /// Takes the container's mounts away, if they are still there.
    pub(crate) fn remove(&self) -> Result<(), Fault> {
        let now = mount_at(&self.path)?;
        let is_own = match self.own {
            Some(own) => now == own,
            None => now != self.below,
        };
        if !is_own {
            return Ok(());
        }
        unmount(&self.path, UnmountFlags::DETACH)
            .doing(|| format!("unmounting {}", self.path.display()))
    }
}

fn mount_at(path: &Path) -> Result<u64, Fault> {
    let stat = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID);
    stat.map(|stat| stat.stx_mnt_id)
        .doing(|| format!("looking at what is mounted at {}", path.display()))
}

/// The root directory of a process, for whoever joins its container: there is no mount namespace
/// that would bring it along.
pub(crate) fn of_process(pid: Pid) -> Result<OwnedFd, Fault> {
    let path = format!("/proc/{}/root", pid.as_raw_pid());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path.as_str(), flags, Mode::empty()).doing(|| format!("opening {path}"))
}

/// Makes `root` the root directory of the calling process.
pub(crate) fn enter(root: BorrowedFd<'_>) -> Result<(), Fault> {
    rustix::process::fchdir(root.as_fd()).doing(|| "entering the new root".to_owned())?;
    rustix::process::chroot(".").doing(|| "changing the root by chroot".to_owned())?;
    rustix::process::chdir("/").doing(|| "entering the root".to_owned())
}
