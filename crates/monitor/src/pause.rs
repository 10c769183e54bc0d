//! A monitor between two lives of its container: it waits for a while, and whoever connects
//! meanwhile hears how the last life ended if there is no next one.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use crate::protocol::FromMonitor;
use crate::{Error, socket};

/// The most who are told of a container that is given up.
const MOST: usize = 64;

/// Waits for `pause` in the run directory `directory`; false when it `is_over`, which is asked
/// whenever somebody connects. Those who did are told that the container ended with `code` then.
///
/// # Errors
/// When the socket cannot be made or waited for.
pub fn pause(
    directory: &Path,
    pause: Duration,
    code: i32,
    is_over: impl Fn() -> bool,
) -> Result<bool, Error> {
    let listener = socket::bind_in(directory)?;
    let until = Instant::now() + pause;
    let mut waiting: Vec<OwnedFd> = Vec::new();
    while !is_over() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(true);
        }
        wait(&listener, left).map_err(|errno| Error::Monitor {
            operation: "waiting for the next start",
            errno,
        })?;
        while let Ok(client) = accept_with(&listener, SocketFlags::CLOEXEC) {
            if waiting.len() < MOST {
                waiting.push(client);
            }
        }
    }
    for client in waiting {
        // One that is gone needs no telling.
        let _ = FromMonitor::Exited { code }.send(client.as_fd());
    }
    Ok(false)
}

fn wait(listener: &OwnedFd, left: Duration) -> Result<(), Errno> {
    let timeout = Timespec::try_from(left).map_err(|_| Errno::RANGE)?;
    match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
