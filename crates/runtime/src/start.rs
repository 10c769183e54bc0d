//! `start`: lets the init of a created container execute its program.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::container::Container;
use crate::delete::end;
use crate::error::{Doing, Error};
use crate::hooks;
use crate::status::Operation;

/// Starts the container `id` below `root`.
///
/// # Errors
/// [`Error::Status`] unless it is created; a failed `poststart` hook, which ends the container.
pub fn start(root: &Path, id: &str) -> Result<(), Error> {
    let container = Container::open(root, id)?;
    container.require(Operation::Start)?;
    if container.record.processless {
        return Err(Error::without_process());
    }
    let path = container.fifo();
    let clause = || format!("starting container {id}");
    let fifo = rustix::fs::open(
        &path,
        OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let fifo = match fifo {
        // Nobody reads: init has ended in the meantime.
        Err(Errno::NXIO) => return container.require(Operation::Start),
        fifo => fifo.doing(clause)?,
    };
    // Whoever unlinks the fifo is the one that starts.
    rustix::fs::unlink(&path).doing(clause)?;
    rustix::io::write(&fifo, b"s").doing(clause)?;
    if container.record.poststart.is_empty() {
        return Ok(());
    }
    wait_for_the_program(&fifo).doing(clause)?;
    hooks::after_start(&container).inspect_err(|_| {
        // The hook's failure is what has to be told.
        let _ = end(&container);
    })
}

/// Init's end of the fifo closes with `execve`.
fn wait_for_the_program(fifo: &OwnedFd) -> Result<(), Errno> {
    let mut fds = [PollFd::from_borrowed_fd(fifo.as_fd(), PollFlags::ERR)];
    loop {
        match poll(&mut fds, None) {
            Err(Errno::INTR) => {}
            other => return other.map(|_| ()),
        }
    }
}
