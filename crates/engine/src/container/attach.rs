//! Connecting to a running container's streams: the socket and the first frames on it. Who
//! carries the bytes is the front door.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use monitor::protocol::FromClient;
use rustix::io::Errno;

use super::live::look;
use super::status::Operation;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// Which streams a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    /// It will send standard input.
    pub stdin: bool,
    /// It wants standard output.
    pub stdout: bool,
    /// It wants standard error.
    pub stderr: bool,
    /// Rows and columns of its window, for a container with a terminal.
    pub window: Option<(u16, u16)>,
}

/// Says what the client wants.
pub(super) fn send(socket: BorrowedFd<'_>, streams: Streams) -> Result<(), Errno> {
    let attach = FromClient::Attach {
        stdin: streams.stdin,
        stdout: streams.stdout,
        stderr: streams.stderr,
    };
    attach.send(socket)?;
    match streams.window {
        Some((rows, cols)) => FromClient::Resize { rows, cols }.send(socket),
        None => Ok(()),
    }
}

impl Engine {
    /// Attaches to a running container.
    ///
    /// # Errors
    /// [`Error::Status`] unless it runs.
    pub fn attach(&self, name: &str, streams: Streams) -> Result<OwnedFd, Error> {
        let record = self.find(name)?;
        let status = look(&self.paths, &record)?.status;
        status.require(Operation::Attach, &record.name)?;
        let directory = self.paths.run_dir(&record.id);
        let socket = monitor::connect(&directory).map_err(|source| Error::Monitor {
            name: record.name.clone(),
            source,
        })?;
        send(socket.as_fd(), streams)
            .map_err(|errno| Error::io("talking to the monitor of", &directory, errno))?;
        note(&self.paths, &[Event::of_container(&record, "attach")]);
        Ok(socket)
    }
}
