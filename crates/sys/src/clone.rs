//! clone3: one more process, in new namespaces and a cgroup of choice, with a pidfd.
//!
//! Source: clone(2).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::Pid;

use crate::Result;
use crate::syscall::check;

bitflags::bitflags! {
    /// Namespaces to make.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct Namespaces: u64 {
        /// Mounts.
        const MNT = 0x0002_0000;
        /// Control group roots.
        const CGROUP = 0x0200_0000;
        /// Host and domain name.
        const UTS = 0x0400_0000;
        /// System V IPC and POSIX message queues.
        const IPC = 0x0800_0000;
        /// Users and groups.
        const USER = 0x1000_0000;
        /// Process ids.
        const PID = 0x2000_0000;
        /// Network.
        const NET = 0x4000_0000;
        /// Clocks.
        const TIME = 0x0000_0080;
    }
}

/// How to clone.
#[derive(Debug, Default)]
pub struct Clone<'a> {
    /// The namespaces that the child gets new.
    pub namespaces: Namespaces,
    /// The directory of the cgroup (v2) that the child starts in.
    pub into_cgroup: Option<BorrowedFd<'a>>,
    /// The child becomes a child of the caller's parent.
    pub as_sibling: bool,
}

/// The new process.
#[derive(Debug)]
pub struct Child {
    /// Its id in the caller's pid namespace.
    pub pid: Pid,
    /// A handle that never means another process.
    pub pidfd: OwnedFd,
}

const CLONE_PIDFD: u64 = 0x1000;
const CLONE_PARENT: u64 = 0x8000;
/// libc's constant has the wrong type (rust-lang/libc#5298).
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// `struct clone_args` of the kernel, version 2.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Clones the calling process; the child runs `child`, which should end in `execve`. If it comes
/// back, the child ends at once with code 255.
///
/// # Errors
/// The kernel's; among them `EPERM` without the right to make a namespace, `ENOSPC` when there
/// are too many.
///
/// # Panics
/// When the process has more than one thread: the child would inherit locks that nobody frees.
pub fn clone3(request: &Clone<'_>, child: impl FnOnce()) -> Result<Child> {
    assert_eq!(
        crate::proc::thread_count(),
        Ok(1),
        "only a single-threaded process may clone"
    );
    let mut pidfd: i32 = -1;
    let mut args = CloneArgs {
        flags: request.namespaces.bits() | CLONE_PIDFD,
        pidfd: std::ptr::from_mut(&mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if request.as_sibling {
        args.flags |= CLONE_PARENT;
        // The sibling's end is told to the parent as the caller's own will be.
        args.exit_signal = 0;
    }
    if let Some(cgroup) = request.into_cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::try_from(cgroup.as_raw_fd()).map_err(|_| Errno::BADF)?;
    }
    // SAFETY: args is a valid clone_args of the given size; without CLONE_VM this is a fork, and
    // the process has one thread (asserted above), so that the child's memory is consistent.
    let returned =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) };
    match check(returned)? {
        0 => {
            child();
            crate::exec::exit_now(255)
        }
        pid => {
            let pid = i32::try_from(pid)
                .ok()
                .and_then(Pid::from_raw)
                .ok_or(Errno::SRCH)?;
            // SAFETY: with CLONE_PIDFD the kernel stored a new fd there, which is ours alone.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Child { pid, pidfd })
        }
    }
}
