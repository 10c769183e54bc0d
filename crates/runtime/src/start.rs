//! `start`: lets the init of a created container execute its program.

use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::container::Container;
use crate::create::after_start;
use crate::error::{Doing, Error};
use crate::status::Operation;

/// Starts the container `id` below `root`.
///
/// # Errors
/// [`Error::Status`] unless it is created; a failed `poststart` hook.
pub fn start(root: &Path, id: &str) -> Result<(), Error> {
    let container = Container::open(root, id)?;
    container.require(Operation::Start)?;
    let path = container.fifo();
    let clause = || format!("starting container {id}");
    let fifo = rustix::fs::open(
        &path,
        OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    );
    match fifo {
        // Nobody reads: init has ended in the meantime.
        Err(Errno::NXIO) => return container.require(Operation::Start),
        fifo => {
            // Whoever unlinks the fifo is the one that starts.
            rustix::fs::unlink(&path).doing(clause)?;
            rustix::io::write(&fifo.doing(clause)?, b"s").doing(clause)?;
        }
    }
    after_start(&container, &container.config()?)
}
