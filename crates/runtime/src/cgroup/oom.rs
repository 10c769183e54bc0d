//! Being told when the kernel kills in a cgroup for want of memory: an eventfd of v1, a watch on
//! `memory.events` in v2.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{Mode, OFlags, inotify, openat};
use rustix::io::Errno;

use super::group::{read_at, write_at};
use super::{Cgroup, Error};

/// A descriptor that becomes readable when something happened.
#[derive(Debug)]
pub struct OomWatch {
    fd: OwnedFd,
    /// The directory of the memory controller.
    directory: OwnedFd,
    /// v2: how many were killed when it was last asked.
    seen: Option<u64>,
}

impl Cgroup {
    /// Watches for processes killed for want of memory.
    ///
    /// # Errors
    /// When the host does not tell.
    pub fn watch_oom(&self) -> Result<OomWatch, Error> {
        let failed =
            |errno| Error::io("watching the memory of", PathBuf::from("the cgroup"), errno);
        let (member, directory) = self
            .directory_of("memory")
            .ok_or(Errno::OPNOTSUPP)
            .map_err(failed)?;
        let kept = directory
            .try_clone_to_owned()
            .map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::MFILE)))?;
        let (fd, seen) = match member.is_unified() {
            true => {
                let path = member.path.join("memory.events");
                let fd = watch_file(&path).map_err(|errno| Error::io("watching", &path, errno))?;
                (fd, Some(self.oom_kills()))
            }
            false => (v1_eventfd(directory).map_err(failed)?, None),
        };
        Ok(OomWatch {
            fd,
            directory: kept,
            seen,
        })
    }
}

fn watch_file(path: &std::path::Path) -> Result<OwnedFd, Errno> {
    let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    inotify::add_watch(&fd, path, inotify::WatchFlags::MODIFY)?;
    Ok(fd)
}

/// `cgroup.event_control` takes the number of an eventfd and of the file to be told of.
fn v1_eventfd(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let control = openat(directory, "memory.oom_control", flags, Mode::empty())?;
    let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let words = format!("{} {}", event.as_raw_fd(), control.as_raw_fd());
    write_at(directory, "cgroup.event_control", &words)?;
    Ok(event)
}

impl OomWatch {
    /// Takes what made the descriptor readable: how many kills there were since the last call.
    /// v1 also tells when the cgroup is removed, which is none.
    pub fn take(&mut self) -> u64 {
        let mut space = [0u8; 4096];
        let mut was_told = false;
        loop {
            let length = rustix::io::read(&self.fd, &mut space);
            was_told |= length.is_ok();
            if length != Ok(space.len()) {
                break;
            }
        }
        let Some(seen) = self.seen else {
            let is_there = read_at(self.directory.as_fd(), "memory.oom_control").is_ok();
            return u64::from(was_told && is_there);
        };
        let text = read_at(self.directory.as_fd(), "memory.events").unwrap_or_default();
        let killed = text
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "))
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(seen);
        self.seen = Some(killed);
        killed.saturating_sub(seen)
    }
}

impl AsFd for OomWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
