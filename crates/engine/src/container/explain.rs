//! What a container is made of: the document of `explain`. Each part is gathered in a file of its
//! own, from the kernel where it runs, and from its record where it does not.

mod attachments;
mod control;
mod files;
mod rights;
mod spaces;

use std::path::PathBuf;

use network::Rates;
use runtime::Record as RuntimeRecord;
use serde::Serialize;
use spec::runtime::Config;

pub(crate) use attachments::attachment;
pub use attachments::{Attachment, PublishedPort};
pub use control::{Control, Directory, Use};
pub use files::{Layer, Mounted, RootPart};
pub use rights::Rights;
pub use spaces::{Space, Whose};

use super::live::Live;
use super::record::Record;
use crate::{Engine, Error};

/// Everything that a container is made of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Explanation {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is, in Docker's word.
    pub status: &'static str,
    /// The image, or the directory, that it was made from.
    pub image: String,
    /// Its program and arguments.
    pub command: Vec<String>,
    /// Its first process on the host, while it runs.
    pub pid: Option<i32>,
    /// The process beside it, while it runs.
    pub monitor: Option<Monitor>,
    /// Its namespaces, while it runs.
    pub namespaces: Vec<Space>,
    /// Its ids and those of the host: `inside outside size`, as the kernel shows them.
    pub id_maps: Option<IdMaps>,
    /// Its cgroup, while it runs and if it has one.
    pub cgroup: Option<Control>,
    /// What its root is made of.
    pub root: Vec<RootPart>,
    /// Its mounts, in the order in which they were made.
    pub mounts: Vec<Mounted>,
    /// Paths that are hidden.
    pub masked_paths: Vec<PathBuf>,
    /// Paths that are read-only.
    pub readonly_paths: Vec<PathBuf>,
    /// Devices that it was given.
    pub devices: Vec<PathBuf>,
    /// What its program may do, while it runs.
    pub rights: Option<Rights>,
    /// Network devices in its network namespace.
    pub network_devices: Vec<String>,
    /// Its connections to networks, while it runs.
    pub networks: Vec<Attachment>,
    /// How fast it may receive and send on each of its networks.
    pub network_rates: Rates,
    /// Where its output is kept.
    pub log: String,
    /// The OCI configuration that it was made from, while it runs.
    #[serde(skip)]
    pub config: Option<Config>,
}

/// Both maps of a user namespace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IdMaps {
    /// Of users.
    pub users: Vec<String>,
    /// Of groups.
    pub groups: Vec<String>,
}

/// The process beside a container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Monitor {
    /// Its pid.
    pub pid: i32,
    /// Bytes of memory that it has for itself; `None` for who may not look.
    pub private_memory: Option<u64>,
}

impl Engine {
    /// What the container `name` is made of. Of one that does not run there is only what is kept on
    /// disk.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`].
    pub fn explain(&self, name: &str) -> Result<Explanation, Error> {
        let (record, live) = self.look(name)?;
        let runtime = live
            .pid
            .and_then(|_| runtime::inspect(&self.paths.run_containers(), &record.id).ok());
        let runtime = runtime.map(|(runtime, _)| runtime);
        let config = runtime.as_ref().and_then(|r| r.configuration().ok());
        let mut explanation = self.at_rest(&record, &live);
        if let (Some(pid), Some(config), Some(runtime)) = (live.pid, config, runtime) {
            explanation.mounts = files::mounted(&config, &record);
            explanation.networks = self.attachments(&record, pid)?;
            self.while_it_runs(&mut explanation, pid, config, &runtime)?;
        }
        Ok(explanation)
    }

    fn at_rest(&self, record: &Record, live: &Live) -> Explanation {
        let log_path = self.log_path(record);
        let log = record.config.log.name();
        Explanation {
            status: live.status.name(),
            image: record.origin(),
            pid: live.pid,
            monitor: None,
            namespaces: Vec::new(),
            id_maps: None,
            cgroup: None,
            root: files::root(record),
            mounts: files::wished(record),
            masked_paths: Vec::new(),
            readonly_paths: Vec::new(),
            devices: Vec::new(),
            rights: None,
            network_devices: Vec::new(),
            networks: Vec::new(),
            network_rates: record.config.resources.network,
            log: match record.config.log.rotation() {
                Some(_) => format!("{log} {}", log_path.display()),
                None => log.to_owned(),
            },
            config: None,
            command: record.process.args.clone(),
            id: record.id.clone(),
            name: record.name.clone(),
        }
    }

    fn while_it_runs(
        &self,
        explanation: &mut Explanation,
        pid: i32,
        config: Config,
        runtime: &RuntimeRecord,
    ) -> Result<(), Error> {
        let linux = config.linux.clone().unwrap_or_default();
        let resources = linux.resources.unwrap_or_default();
        explanation.monitor = monitor_of(pid);
        explanation.namespaces = spaces::of(self, pid, &explanation.id)?;
        explanation.id_maps = Some(IdMaps {
            users: spaces::id_map(pid, "uid_map"),
            groups: spaces::id_map(pid, "gid_map"),
        });
        explanation.cgroup = control::of(runtime, &resources);
        explanation.masked_paths = linux.masked_paths;
        explanation.readonly_paths = linux.readonly_paths;
        explanation.devices = linux.devices.into_iter().map(|d| d.path).collect();
        explanation.rights = Some(rights::of(pid, &config));
        explanation.network_devices = spaces::network_devices(pid);
        explanation.config = Some(config);
        Ok(())
    }
}

/// The parent of a container's first process is its monitor.
fn monitor_of(pid: i32) -> Option<Monitor> {
    let pid: i32 = field(pid, "status", "PPid:")?.parse().ok()?;
    let kib = |name| {
        field(pid, "smaps_rollup", name)?
            .split(' ')
            .next()?
            .parse::<u64>()
            .ok()
    };
    Some(Monitor {
        pid,
        private_memory: kib("Private_Dirty:").map(|kib| kib << 10),
    })
}

/// The value of a line of a file of a process.
fn field(pid: i32, file: &str, name: &str) -> Option<String> {
    let text = sys::proc::read(&format!("/proc/{pid}/{file}")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().to_owned())
}
