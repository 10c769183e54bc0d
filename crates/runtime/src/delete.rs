//! `delete`: what is left of a stopped container goes.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::container::Container;
use crate::error::{Doing, Error};
use crate::hooks;
use crate::status::Operation;
use spec::state::Status;

/// Removes the cgroup and the state of the container `id` below `root`. `force` kills it first,
/// and makes a container that does not exist no error. Gives back the poststop hooks that failed,
/// which deserve a warning and undo nothing.
///
/// # Errors
/// [`Error::Status`] unless it is stopped or `force` is given.
pub fn delete(root: &Path, id: &str, force: bool) -> Result<Vec<Error>, Error> {
    let container = match Container::open(root, id) {
        Err(Error::NotFound { .. }) if force => return Ok(Vec::new()),
        container => container?,
    };
    if container.status() == Status::Created || force {
        end(&container)?;
    } else {
        container.require(Operation::Delete)?;
    }
    remove(&container)?;
    store::remove_tree(&container.directory)?;
    Ok(hooks::after_stop(&container))
}

/// Removes the cgroup with whatever still runs in it, and the record; the directory stays, since
/// it belongs to the caller ([`crate::create::Request::adopt`]). Gives back the poststop hooks that
/// failed.
///
/// # Errors
/// When the cgroup cannot be emptied or removed.
pub fn release(root: &Path, id: &str) -> Result<Vec<Error>, Error> {
    let container = Container::open(root, id)?;
    end(&container)?;
    remove(&container)?;
    let path = container.directory.join("state.json");
    std::fs::remove_file(&path).doing(|| format!("removing {}", path.display()))?;
    Ok(hooks::after_stop(&container))
}

fn remove(container: &Container) -> Result<(), Error> {
    if let Some(group) = &container.record.intel_rdt {
        group.remove();
    }
    container.remove_cgroup().map_err(Error::Cgroup)?;
    if let Some(root) = &container.record.root_on_host {
        root.remove()?;
    }
    Ok(())
}

/// Kills init, if it lives, and waits for its end.
pub(crate) fn end(container: &Container) -> Result<(), Error> {
    let Some(pid) = container.pid() else {
        return Ok(());
    };
    let clause = || format!("killing container {}", container.record.id);
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
        return Ok(());
    };
    pidfd_send_signal(&pidfd, Signal::KILL).doing(clause)?;
    if let Some(cgroup) = container.cgroup() {
        // A frozen process does not die on cgroup v1.
        cgroup.thaw().map_err(Error::Cgroup)?;
    }
    let mut fds = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
    poll(&mut fds, None)
        .doing(clause)
        .map(|_| ())
        .map_err(Error::from)
}
