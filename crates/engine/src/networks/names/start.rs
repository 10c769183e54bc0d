//! Starting the process. It inherits a lock, which is free as soon as it is gone, and sockets, in
//! which questions wait until it has got up.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use network::{Network, holders};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use store::Lock;
use sys::spawn::Spawn;

use crate::container::{Connection, connections};
use crate::{Engine, Error, Paths, program};

/// The file that the process holds locked, and the one of whoever looks for the process and starts
/// it: without that, one who fails would be taken for the process by another.
const LOCK: &str = ".names";
const STARTING: &str = ".starting";

/// That a network has no process. Nobody else starts one meanwhile.
struct Absence {
    lock: Lock,
    _starting: Lock,
}

impl Absence {
    fn find(leases: &Path) -> Result<Option<Self>, Error> {
        let starting = Lock::exclusive(&leases.join(STARTING))?;
        let lock = Lock::try_exclusive(&leases.join(LOCK))?;
        Ok(lock.map(|lock| Self {
            lock,
            _starting: starting,
        }))
    }

    /// Starts the process. `early` is for a bridge that may not be there yet.
    fn end(self, paths: &Paths, network: &Network, early: bool) -> Result<(), Error> {
        let mut sockets: Vec<OwnedFd> = Vec::new();
        for gateway in network.subnets.iter().map(|subnet| subnet.gateway) {
            let failed = |errno| {
                let port = format!("port 53 of {gateway}");
                Error::io("answering for names at", port.as_ref(), errno)
            };
            sockets.extend(dns::bind(gateway, early).map_err(failed)?);
        }
        spawn(paths, &network.id, self.lock.as_fd(), &sockets).map_err(|errno| {
            let leases = paths.leases(&network.id);
            Error::io("starting the names of", &leases, errno)
        })
    }
}

/// Starts the process of a network, if there is none. Its leases were made before, so that one which
/// is about to end does not.
fn ensure(paths: &Paths, network: &Network) -> Result<(), Error> {
    match Absence::find(&paths.leases(&network.id))? {
        Some(absence) => absence.end(paths, network, true),
        None => Ok(()),
    }
}

fn spawn(paths: &Paths, id: &str, lock: BorrowedFd<'_>, sockets: &[OwnedFd]) -> Result<(), Errno> {
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let argv = program::names(paths, id, sockets.len()).map(CString::new);
    let argv = argv.into_iter().collect::<Result<Vec<_>, _>>();
    let mut fds = vec![(null.as_fd(), 0), (null.as_fd(), 1), (null.as_fd(), 2)];
    fds.push((lock, program::NAMES_LOCK));
    let numbers = program::NAMES_LOCK + 1..;
    fds.extend(sockets.iter().map(AsFd::as_fd).zip(numbers));
    let process = Spawn {
        program: c"/proc/self/exe",
        argv: &argv.map_err(|_| Errno::INVAL)?,
        envp: &[program::MONITOR_ENVIRONMENT.to_owned()],
        fds: &fds,
        new_session: true,
    };
    process.start().map(drop)
}

impl Engine {
    /// Sees that the names of these networks are answered for; what to tell the user where not.
    pub(crate) fn serve_names(&self, connections: &[Connection]) -> Vec<String> {
        let failed = connections.iter().filter_map(|connection| {
            let error = ensure(&self.paths, &connection.endpoint.network).err()?;
            let causes = std::iter::successors(std::error::Error::source(&error), |e| e.source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            let name = &connection.name;
            Some(format!(
                "nobody answers for names on the network {name}: {error}{causes}"
            ))
        });
        failed.collect()
    }

    /// Starts those processes again that were killed.
    pub(crate) fn restore_names(&self) {
        let networks = std::fs::read_dir(self.paths.all_leases());
        for entry in networks.into_iter().flatten().flatten() {
            let _ = self.restore_names_of(&entry.path());
        }
    }

    fn restore_names_of(&self, leases: &Path) -> Result<(), Error> {
        let id = leases.file_name().and_then(|name| name.to_str());
        let (Some(id), Some(absence)) = (id, Absence::find(leases)?) else {
            return Ok(());
        };
        for (_, owner) in holders(leases) {
            let mut own = connections(&self.paths, &owner)?.into_iter();
            if let Some(connection) = own.find(|own| own.endpoint.network.id == id) {
                // Where this machine is another one's container, the address is not its own.
                return absence.end(&self.paths, &connection.endpoint.network, false);
            }
        }
        Ok(())
    }
}
