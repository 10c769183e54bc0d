//! `events`: what a container uses, and being told when its processes are killed for want of
//! memory.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::cgroup::{Cgroup, OomWatch, Stats};
use crate::container::Container;
use crate::error::{Doing, Error};
use crate::status::Operation;

/// What the container `id` below `root` uses now.
///
/// # Errors
/// [`Error::Status`] when it is stopped; an error when it has no cgroup.
pub fn stats(root: &Path, id: &str) -> Result<Stats, Error> {
    let container = Container::open(root, id)?;
    container.require(Operation::Watch)?;
    cgroup_of(&container)?.stats().map_err(Error::Cgroup)
}

/// Something that happened to a watched container.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// The interval is over: this is used now.
    Stats(Box<Stats>),
    /// A process was killed for want of memory.
    Oom,
    /// The container is stopped or gone.
    Ended,
}

/// A container whose events are waited for.
#[derive(Debug)]
pub struct Events {
    cgroup: Cgroup,
    init: OwnedFd,
    timer: OwnedFd,
    oom: OomWatch,
    /// Kills that were not told yet.
    kills: u64,
}

/// Watches the container `id` below `root`; its figures come once in every `interval`.
///
/// # Errors
/// [`Error::Status`] when it is stopped; an error when it has no cgroup or cannot be watched.
pub fn watch(root: &Path, id: &str, interval: Duration) -> Result<Events, Error> {
    let container = Container::open(root, id)?;
    container.require(Operation::Watch)?;
    let clause = || format!("watching container {id}");
    let pid = container.pid().ok_or(Errno::SRCH).doing(clause)?;
    let cgroup = cgroup_of(&container)?;
    Ok(Events {
        oom: cgroup.watch_oom().map_err(Error::Cgroup)?,
        cgroup,
        init: pidfd_open(pid, PidfdFlags::empty()).doing(clause)?,
        timer: timer(interval).doing(clause)?,
        kills: 0,
    })
}

fn timer(interval: Duration) -> Result<OwnedFd, Errno> {
    let every = Timespec::try_from(interval).map_err(|_| Errno::RANGE)?;
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    let schedule = Itimerspec {
        it_interval: every,
        it_value: every,
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &schedule)?;
    Ok(timer)
}

impl Events {
    /// Waits for what happens next. A kill is told before the end that it may be.
    ///
    /// # Errors
    /// When the kernel refuses to wait.
    pub fn wait(&mut self) -> Result<Event, Error> {
        loop {
            if self.kills > 0 {
                self.kills -= 1;
                return Ok(Event::Oom);
            }
            let mut fds = [
                PollFd::new(&self.oom, PollFlags::IN),
                PollFd::new(&self.timer, PollFlags::IN),
                PollFd::new(&self.init, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(Error::parent("waiting for events", errno)),
            }
            let [oom, tick, ended] = fds.map(|fd| !fd.revents().is_empty());
            if oom {
                self.kills += self.oom.take();
            } else if ended {
                return Ok(Event::Ended);
            } else if tick {
                let mut count = [0u8; 8];
                // Only how often it ran out, which is of no interest.
                let _ = rustix::io::read(&self.timer, &mut count);
                if let Ok(stats) = self.cgroup.stats() {
                    return Ok(Event::Stats(Box::new(stats)));
                }
            }
        }
    }
}

fn cgroup_of(container: &Container) -> Result<Cgroup, Error> {
    container.cgroup().ok_or_else(|| {
        let clause = format!("reading what container {} uses", container.record.id);
        Error::parent(format!("{clause} without a cgroup"), Errno::OPNOTSUPP)
    })
}
