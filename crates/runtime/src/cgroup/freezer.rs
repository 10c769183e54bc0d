//! Standing still: the freezer of v2 (also on hybrid hosts), else that of v1.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::group::{is_gone, read_at, write_at};
use super::{Cgroup, Error, Member, Paths};

impl Paths {
    /// Those of hierarchies that can make a process stand still.
    pub(crate) fn with_freezer(&self) -> Self {
        let has_freezer = |member: &&Member| {
            let mut controllers = member.controllers.iter();
            member.is_unified() || controllers.any(|name| name == "freezer")
        };
        Self(self.0.iter().filter(has_freezer).cloned().collect())
    }
}

impl Cgroup {
    /// Stops every process in it, and waits until all stand still.
    ///
    /// # Errors
    /// When the host has no freezer, or a process cannot be stopped.
    pub fn freeze(&self) -> Result<(), Error> {
        match self.clone_fd() {
            Some(unified) => {
                let failed = |errno| Error::io("freezing", "cgroup.freeze", errno);
                write_at(unified, "cgroup.freeze", "1").map_err(failed)?;
                wait_until_frozen(unified).map_err(failed)
            }
            None => self.set_v1_state("FROZEN"),
        }
    }

    /// Lets every process in it go on, whichever freezer stopped it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn thaw(&self) -> Result<(), Error> {
        if let Some(unified) = self.clone_fd() {
            match write_at(unified, "cgroup.freeze", "0") {
                Err(errno) if is_gone(errno) => {}
                thawed => thawed.map_err(|errno| Error::io("thawing", "cgroup.freeze", errno))?,
            }
        }
        match self.is_frozen_by_v1()? {
            true => self.set_v1_state("THAWED"),
            false => Ok(()),
        }
    }

    /// Whether it is frozen.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_frozen(&self) -> Result<bool, Error> {
        let frozen = self.clone_fd().map_or(Ok(false), |unified| {
            read_at(unified, "cgroup.freeze").map(|text| text.trim() == "1")
        });
        match frozen {
            Ok(false) => self.is_frozen_by_v1(),
            Ok(true) => Ok(true),
            Err(errno) => Err(failed_reading(errno)),
        }
    }

    /// The directory of the freezer that [`Cgroup::freeze`] uses.
    pub(crate) fn freezer_directory(&self) -> Option<PathBuf> {
        let unified = self.members().find(|(member, _)| member.is_unified());
        let member = unified.or_else(|| self.v1_freezer());
        member.map(|(member, _)| member.path.clone())
    }

    fn is_frozen_by_v1(&self) -> Result<bool, Error> {
        let Some((_, freezer)) = self.v1_freezer() else {
            return Ok(false);
        };
        match read_at(freezer, "freezer.state") {
            // Nothing in it stands still any more.
            Err(errno) if is_gone(errno) => Ok(false),
            state => state
                .map(|text| text.trim() != "THAWED")
                .map_err(failed_reading),
        }
    }

    fn v1_freezer(&self) -> Option<(&Member, BorrowedFd<'_>)> {
        self.directory_of("freezer")
            .filter(|(member, _)| !member.is_unified())
    }

    /// v1 answers FREEZING until the last process stands; writing again makes it try again.
    fn set_v1_state(&self, state: &str) -> Result<(), Error> {
        let failed = |errno| Error::io("freezing", "freezer.state", errno);
        let (_, freezer) = self.v1_freezer().ok_or(Errno::OPNOTSUPP).map_err(failed)?;
        loop {
            write_at(freezer, "freezer.state", state).map_err(failed)?;
            if read_at(freezer, "freezer.state").map_err(failed)?.trim() == state {
                return Ok(());
            }
            rustix::thread::sched_yield();
        }
    }
}

fn failed_reading(errno: Errno) -> Error {
    Error::io("reading the state of", "the freezer", errno)
}

/// How long an event is waited for that may never come, because the cgroup went away.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Waits until `cgroup.events` says that all stand still, or somebody else lets them go on.
fn wait_until_frozen(unified: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let events = openat(unified, "cgroup.events", flags, Mode::empty())?;
    loop {
        let mut text = [0u8; 256];
        let length = rustix::io::pread(&events, &mut text, 0)?;
        let text = String::from_utf8_lossy(text.get(..length).unwrap_or_default());
        let is_frozen = text.lines().any(|line| line == "frozen 1");
        if is_frozen || read_at(unified, "cgroup.freeze")?.trim() == "0" {
            return Ok(());
        }
        let mut fds = [PollFd::new(&events, PollFlags::PRI)];
        match poll(&mut fds, Some(&PATIENCE)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
