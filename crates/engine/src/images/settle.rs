//! What was pulled gets to the disk for certain while nobody waits for it: a process of its own
//! sees to that, after the command has answered.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use image::Images;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use sys::spawn::Spawn;

use crate::{Engine, Error, Paths, program};

impl Engine {
    /// Starts the process that waits. Where it cannot be started, or is killed, the next pull's
    /// does its work; a crash of the machine before that costs no more than unpacking again.
    pub(super) fn settle_later(&self) {
        let _ = self.spawn_settler();
    }

    fn spawn_settler(&self) -> Result<(), Errno> {
        let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        let argv = program::settle(&self.paths).map(CString::new);
        let argv = argv.into_iter().collect::<Result<Vec<_>, _>>();
        let settler = Spawn {
            program: c"/proc/self/exe",
            argv: &argv.map_err(|_| Errno::INVAL)?,
            envp: &[],
            fds: &[(null.as_fd(), 0), (null.as_fd(), 1), (null.as_fd(), 2)],
            new_session: true,
        };
        settler.start().map(drop)
    }
}

/// Waits until everything that was pulled into the installation with this data root is on the
/// disk. Nothing is made, for the installation may be gone by now.
///
/// # Errors
/// When the disk fails.
pub fn settle(data: &Path) -> Result<(), Error> {
    let paths = Paths {
        data: data.to_owned(),
        run: PathBuf::new(),
        executable: PathBuf::new(),
    };
    Ok(Images::new(&paths.images()).settle()?)
}
