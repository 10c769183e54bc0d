//! `pause` and `resume`: all processes of a container stand still, or go on.

use std::path::Path;

use rustix::io::Errno;

use crate::cgroup::Cgroup;
use crate::container::Container;
use crate::error::Error;
use crate::status::Operation;

/// Freezes the container `id` below `root`.
///
/// # Errors
/// [`Error::Status`] unless it runs; an error when it has no cgroup to freeze.
pub fn pause(root: &Path, id: &str) -> Result<(), Error> {
    let container = Container::open(root, id)?;
    container.require(Operation::Pause)?;
    cgroup_of(&container)?.freeze().map_err(Error::Cgroup)
}

/// Thaws the container `id` below `root`.
///
/// # Errors
/// [`Error::Status`] unless it is paused.
pub fn resume(root: &Path, id: &str) -> Result<(), Error> {
    let container = Container::open(root, id)?;
    container.require(Operation::Resume)?;
    cgroup_of(&container)?.thaw().map_err(Error::Cgroup)
}

fn cgroup_of(container: &Container) -> Result<Cgroup, Error> {
    container.cgroup().ok_or_else(|| {
        let clause = format!(
            "freezing container {} without a cgroup",
            container.record.id
        );
        Error::parent(clause, Errno::OPNOTSUPP)
    })
}
