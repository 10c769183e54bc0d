//! Waiting for a container's end: its monitor tells everybody who is connected.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use monitor::protocol::{FRAME_MAX, FromMonitor};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::find;
use super::live::look;
use super::record::Record;
use super::status::Status;
use crate::{Engine, Error};

/// Somebody who waits, connected before the end so that it cannot be missed.
pub(super) struct Watch<'a> {
    engine: &'a Engine,
    record: &'a Record,
    /// `None` when the monitor is gone or about to be.
    socket: Option<OwnedFd>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(engine: &'a Engine, record: &'a Record) -> Self {
        let directory = engine.paths.run_dir(&record.id);
        Self {
            engine,
            record,
            // Whoever cannot connect finds the end on disk.
            socket: monitor::connect(&directory).ok(),
        }
    }

    /// Waits for the end, at most for `limit`; gives back the exit code, or `None` when the time
    /// is over.
    pub(super) fn wait(&mut self, limit: Option<Duration>) -> Result<Option<i32>, Error> {
        let until = limit.map(|limit| Instant::now() + limit);
        let mut buffer = vec![0; FRAME_MAX];
        while let Some(socket) = &self.socket {
            if !wait_readable(socket, until).map_err(|errno| {
                Error::io(
                    "waiting for",
                    &self.engine.paths.run_dir(&self.record.id),
                    errno,
                )
            })? {
                return Ok(None);
            }
            match FromMonitor::receive(socket.as_fd(), &mut buffer) {
                Ok(Some(FromMonitor::Exited { code })) => return Ok(Some(code)),
                Ok(Some(_)) => {}
                Ok(None) => self.socket = None,
                Err(source) => {
                    let name = self.record.name.clone();
                    return Err(Error::Monitor { name, source });
                }
            }
        }
        self.read_end(until)
    }

    /// The end as it is written down; whoever is writing it is waited for.
    fn read_end(&self, until: Option<Instant>) -> Result<Option<i32>, Error> {
        loop {
            let live = look(&self.engine.paths, self.record)?;
            match (live.status, live.exit) {
                (status, _) if status.is_up() => {}
                (_, Some(exit)) => return Ok(Some(exit.code)),
                // Removed at its end, which was not heard.
                (_, None) => return self.missing(),
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn missing(&self) -> Result<Option<i32>, Error> {
        match find::record(&self.engine.paths, &self.record.id)? {
            Some(_) => Ok(Some(0)),
            None => Err(Error::NoSuchContainer {
                name: self.record.name.clone(),
            }),
        }
    }
}

/// Waits until there is something to read; false when the time is over.
fn wait_readable(socket: &OwnedFd, until: Option<Instant>) -> Result<bool, Errno> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = [PollFd::new(socket, PollFlags::IN)];
        match poll(&mut fds, left.as_ref()) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

impl Engine {
    /// Waits until a container does not run, and gives back its last exit code; 0 for one that
    /// never was started.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`].
    pub fn wait(&self, name: &str) -> Result<i32, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        if live.status == Status::Created {
            return Ok(live.exit.map_or(0, |exit| exit.code));
        }
        Ok(Watch::new(self, &record).wait(None)?.unwrap_or_default())
    }
}
