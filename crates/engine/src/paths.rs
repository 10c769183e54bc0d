//! Where everything is kept. The names below the two roots are decided here and nowhere else.
//!
//! ```text
//! data root  containers/<id>/{record.json,exit.json,container.log,layer/}  names/<name>  networks/<name>.json
//!            images/
//! run root   containers/<id>/{lock,record.json,config.json,state.json,monitor.json,attach.sock}
//!            ids/<n>  networks/<id>/<address>  firewall.lock  boot  events.jsonl
//! ```

use std::path::PathBuf;

/// The directories of one installation, and the program itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// What survives a boot.
    pub data: PathBuf,
    /// What does not.
    pub run: PathBuf,
    /// The absolute path of the running program.
    pub executable: PathBuf,
}

impl Paths {
    /// The run directories of all containers that somebody is in charge of.
    pub fn run_containers(&self) -> PathBuf {
        self.run.join("containers")
    }

    /// The run directory of one container.
    pub fn run_dir(&self, id: &str) -> PathBuf {
        self.run.join("containers").join(id)
    }

    /// Where the runtime keeps compiled filters.
    pub fn filters(&self) -> PathBuf {
        self.run.join("filters")
    }

    /// What is durable of all containers.
    pub fn data_containers(&self) -> PathBuf {
        self.data.join("containers")
    }

    /// What is durable of one container, and its writable layer.
    pub fn data_dir(&self, id: &str) -> PathBuf {
        self.data.join("containers").join(id)
    }

    /// What a container's directory is called while it is made or removed.
    pub(crate) fn data_dir_unfinished(&self, id: &str) -> PathBuf {
        self.data
            .join("containers")
            .join(format!("{UNFINISHED}{id}"))
    }

    /// The claimed names.
    pub(crate) fn names(&self) -> PathBuf {
        self.data.join("names")
    }

    /// The claimed id ranges.
    pub(crate) fn id_ranges(&self) -> PathBuf {
        self.run.join("ids")
    }

    /// The networks.
    pub(crate) fn networks(&self) -> PathBuf {
        self.data.join("networks")
    }

    /// The leases of all networks.
    pub(crate) fn all_leases(&self) -> PathBuf {
        self.run.join("networks")
    }

    /// The leases of the network with this id.
    pub(crate) fn leases(&self, id: &str) -> PathBuf {
        self.run.join("networks").join(id)
    }

    /// Held by whoever makes the firewall's table anew, or takes something out of it.
    pub(crate) fn firewall_lock(&self) -> PathBuf {
        self.run.join("firewall.lock")
    }

    /// The volumes.
    pub(crate) fn volumes(&self) -> PathBuf {
        self.data.join("volumes")
    }

    /// The image store.
    pub(crate) fn images(&self) -> PathBuf {
        self.data.join("images")
    }

    /// The trail of events.
    pub(crate) fn events(&self) -> PathBuf {
        self.run.join("events.jsonl")
    }

    /// Where the roots of containers are put together that do not run, each in a mount namespace
    /// of its own.
    pub(crate) fn view(&self) -> PathBuf {
        self.run.join("mnt")
    }

    /// The id of the boot in which the run root was made.
    pub(crate) fn boot(&self) -> PathBuf {
        self.run.join("boot")
    }
}

/// The beginning of the names of directories that are being made or removed.
pub(crate) const UNFINISHED: &str = ".new-";
