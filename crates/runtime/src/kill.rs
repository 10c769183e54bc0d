//! `kill`: a signal for a container's init, or for all its processes.

use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::container::Container;
use crate::error::Error;
use crate::status::Operation;

/// Sends the signal with this number to the init of the container `id` below `root`; with `all`
/// to every process of it, also when init has ended. 0 only asks whether that could be done.
///
/// # Errors
/// [`Error::Status`] when the container is stopped and not `all` is asked for.
pub fn kill(root: &Path, id: &str, signal: i32, all: bool) -> Result<(), Error> {
    let container = Container::open(root, id)?;
    if signal == 0 {
        return match all {
            true => Ok(()),
            false => container.require(Operation::Kill),
        };
    }
    let Some(signal) = sys::signals::signal(signal) else {
        let why = format!("{signal} is not a signal");
        return Err(Error::Invalid {
            key: "signal".to_owned(),
            why,
        });
    };
    // An init that shares its pid namespace takes nobody with it when it is killed.
    if all || (signal == Signal::KILL && container.record.shares_pids) {
        return send_all(&container, signal);
    }
    container.require(Operation::Kill)?;
    container.pid().map_or(Ok(()), |pid| send(pid, signal))?;
    match container.cgroup() {
        // v1's freezer keeps a killed process from ending.
        Some(cgroup) if signal == Signal::KILL => cgroup.thaw().map_err(Error::Cgroup),
        _ => Ok(()),
    }
}

fn send_all(container: &Container, signal: Signal) -> Result<(), Error> {
    match container.cgroup() {
        Some(cgroup) if signal == Signal::KILL => cgroup.kill_all().map_err(Error::Cgroup),
        Some(cgroup) => cgroup
            .processes()
            .map_err(Error::Cgroup)?
            .into_iter()
            .filter_map(Pid::from_raw)
            .try_for_each(|pid| send(pid, signal)),
        None => container.pid().map_or(Ok(()), |pid| send(pid, signal)),
    }
}

/// Sends through a pidfd; a process that has ended needs no signal.
pub(crate) fn send(pid: Pid, signal: Signal) -> Result<(), Error> {
    let sent =
        pidfd_open(pid, PidfdFlags::empty()).and_then(|pidfd| pidfd_send_signal(&pidfd, signal));
    match sent {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(errno) => {
            let clause = format!("sending {signal:?} to process {}", pid.as_raw_pid());
            Err(Error::parent(clause, errno))
        }
    }
}
