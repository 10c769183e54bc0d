//! A process that does nothing: systemd keeps a scope only as long as somebody is in it, and starts
//! none without. It goes when init is there, and by itself when its maker dies.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::DupFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, pidfd_send_signal};
use sys::clone::{Child, Clone, clone3};

use crate::error::{Doing, Fault};

/// The process; it is gone with the value.
#[derive(Debug)]
pub(crate) struct Holder {
    child: Child,
    /// The other end is the process's; it ends when this one is closed, by whatever.
    _ours: OwnedFd,
}

impl Holder {
    pub(crate) fn start() -> Result<Self, Fault> {
        let clause = || "making a process to begin the scope with".to_owned();
        let (theirs, mut ours) = pipe_with(PipeFlags::CLOEXEC).doing(clause)?;
        let child = clone3(&Clone::default(), || {
            // In its place there is a second one of its own end, or it would never hear the end.
            let _ = rustix::io::dup3(&theirs, &mut ours, DupFlags::CLOEXEC);
            let mut byte = [0; 1];
            let _ = rustix::io::read(&theirs, &mut byte);
            sys::exec::exit_now(0)
        })
        .doing(clause)?;
        Ok(Self { child, _ours: ours })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.child.pid
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let _ = pidfd_send_signal(&self.child.pidfd, Signal::KILL);
        let _ = waitid(
            WaitId::PidFd(self.child.pidfd.as_fd()),
            WaitIdOptions::EXITED,
        );
    }
}
