//! Handing a filter's listener to the agent that decides about calls: one message on the stream
//! socket of `listenerPath`, the process' state as JSON with the fd beside it.
//!
//! Source: runtime-spec, config-linux.md "The Container Process State".

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Pid;
use spec::state::{ProcessState, SECCOMP_FD, State, Status};

use crate::error::{Doing, Fault};

/// Who decides, and what it is told.
#[derive(Debug)]
pub(crate) struct Listener<'a> {
    pub(super) path: &'a Path,
    pub(super) metadata: &'a str,
    pub(super) state: State,
}

impl Listener<'_> {
    /// Hands over the listener of the process `pid`.
    pub(crate) fn send(&self, listener: BorrowedFd<'_>, pid: Pid) -> Result<(), Fault> {
        let clause = || {
            let path = self.path.display();
            format!("failed to connect with seccomp agent at {path}")
        };
        let mut state = self.state.clone();
        if state.pid == Some(0) {
            // The state was written down before there was a process.
            state.pid = Some(pid.as_raw_pid());
            state.status = Status::Creating;
        }
        let message = ProcessState {
            oci_version: spec::VERSION.to_owned(),
            fds: vec![SECCOMP_FD.to_owned()],
            pid: pid.as_raw_pid(),
            metadata: self.metadata.to_owned(),
            state,
        };
        let text = serde_json::to_vec(&message).map_err(|_| Fault::new(clause(), Errno::INVAL))?;
        let address = SocketAddrUnix::new(self.path).doing(clause)?;
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .doing(clause)?;
        rustix::net::connect(&socket, &address).doing(clause)?;
        match sys::fds::send_with_fds(socket.as_fd(), &text, &[listener]).doing(clause)? {
            sent if sent == text.len() => Ok(()),
            _ => Err(Fault::new(clause(), Errno::MSGSIZE)),
        }
    }
}
