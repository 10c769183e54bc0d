//! Opening an installation: the directories are made once, and once per boot what the last one
//! left is cleared up.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use runtime::cgroup::Manager;
use rustix::io::Errno;
use store::Durability;

use crate::{Engine, Error, Host, Paths, Sweep};

impl Engine {
    /// Opens the installation at `paths` for a caller with the rights of `host`, and clears up a
    /// little after others. `cgroup_manager` makes the cgroups of what is started.
    ///
    /// # Errors
    /// When the directories cannot be made.
    pub fn open(paths: Paths, host: Host, cgroup_manager: Manager) -> Result<Self, Error> {
        let engine = Self {
            paths,
            host,
            cgroup_manager,
        };
        engine.check_owner()?;
        let boot = sys::proc::boot_id()
            .map_err(|errno| Error::io("reading the boot id for", &engine.paths.run, errno))?;
        let last = std::fs::read_to_string(engine.paths.boot()).unwrap_or_default();
        if last == boot {
            engine.sweep(Sweep::Some);
            engine.mend_firewall();
            engine.restore_names();
        } else {
            engine.make_directories()?;
            engine.image_store().recover()?;
            engine.sweep_after_boot()?;
            store::atomic_write(&engine.paths.boot(), boot.as_bytes(), Durability::Boot)?;
        }
        Ok(engine)
    }

    /// Where everything is.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// What the caller may do.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The run root of an ordinary user may be below /tmp, where anybody could have made it.
    fn check_owner(&self) -> Result<(), Error> {
        let run = &self.paths.run;
        match rustix::fs::lstat(run) {
            Ok(status) if status.st_uid != self.host.uid => Err(Error::Invalid {
                what: "run root",
                why: format!("{} belongs to another user", run.display()),
            }),
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::io("looking at", run, errno)),
        }
    }

    fn make_directories(&self) -> Result<(), Error> {
        // Containers' ids pass through to their own files; nobody else has business there.
        make(&self.paths.data, 0o711)?;
        make(&self.paths.run, 0o711)?;
        for directory in [self.paths.data_containers(), self.paths.run_containers()] {
            make(&directory, 0o711)?;
        }
        make(&self.paths.names(), 0o700)?;
        make(&self.paths.id_ranges(), 0o700)
    }
}

fn make(directory: &Path, mode: u32) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(mode)
        .create(directory)
        .map_err(|error| Error::io("making", directory, error))
}
