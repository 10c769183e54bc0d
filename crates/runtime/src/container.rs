//! A container as it stands in its state directory: the facts that `state.json` keeps, and the
//! status that follows from them. The verbs, one file each, begin here.
//!
//! ```text
//! <root>/<id>/state.json   the record, written once init is ready to be started
//!            /exec.fifo    there until `start`; init waits for a byte in it
//! ```

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use spec::runtime::{Config, Hook};
use store::{Draft, Durability};

use crate::cgroup::{Cgroup, Paths, Unit};
use crate::error::Error;
use crate::intel_rdt;
use crate::rootfs::on_host::RootOnHost;
use crate::status::Operation;
use spec::state::Status;

/// The facts about a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The version of this document.
    pub version: u32,
    /// The specification that the bundle follows.
    pub oci_version: String,
    /// The id.
    pub id: String,
    /// Init, in the pid namespace of whoever made the container.
    pub pid: i32,
    /// When init started, in clock ticks since the boot: a pid alone may come to mean another
    /// process.
    pub start_time: u64,
    /// The absolute path of the bundle.
    pub bundle: PathBuf,
    /// The absolute path of the configuration, when it is not the bundle's `config.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// The absolute path of the root file system.
    pub rootfs: PathBuf,
    /// When it was created, RFC 3339.
    pub created: String,
    /// Who created it.
    pub owner: u32,
    /// The annotations of `config.json`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What runs once the program does; later changes of `config.json` are not for this container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poststart: Vec<Hook>,
    /// What runs after the deletion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poststop: Vec<Hook>,
    /// Whether its init is not the first of a pid namespace of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_pids: bool,
    /// Whether its programs have the session keyring of its maker.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_new_keyring: bool,
    /// Whether it has no process to start: the configuration names none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub processless: bool,
    /// Its root on the host, if it has no mount namespace of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) root_on_host: Option<RootOnHost>,
    /// Its group of Intel's Resource Director Technology, if it asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intel_rdt: Option<intel_rdt::Group>,
    /// Its cgroup in each hierarchy; without one where there is no right to make one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<Paths>,
    /// The unit of systemd that the cgroup belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

impl Record {
    /// The unit of the cgroup, if only its owner can move processes there.
    pub(crate) fn closed_unit(&self, cgroup: Option<&Cgroup>) -> Option<&Unit> {
        let unit = self.unit.as_ref()?;
        (!unit.is_open(cgroup?)).then_some(unit)
    }
}

impl Record {
    /// Reads the configuration again that the container was made from.
    ///
    /// # Errors
    /// As [`crate::load`].
    pub fn configuration(&self) -> Result<Config, Error> {
        match &self.config {
            Some(path) => crate::bundle::load(path),
            None => crate::bundle::load(&self.bundle.join("config.json")),
        }
    }
}

/// A container and its state directory.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) directory: PathBuf,
    pub(crate) record: Record,
}

/// The version of [`Record`] that this program writes.
pub(crate) const RECORD_VERSION: u32 = 1;

impl Container {
    /// Opens the container `id` below `root`.
    pub(crate) fn open(root: &Path, id: &str) -> Result<Self, Error> {
        let not_found = || Error::NotFound { id: id.to_owned() };
        if !is_valid_id(id) {
            return Err(not_found());
        }
        let directory = root.join(id);
        let record: Option<Record> = store::read_json(&directory.join("state.json"))?;
        Ok(Self {
            record: record.ok_or_else(not_found)?,
            directory,
        })
    }

    /// Writes the record.
    pub(crate) fn save(&self) -> Result<(), Error> {
        Ok(self.draft()?.publish()?)
    }

    /// Writes the record without making it known yet.
    pub(crate) fn draft(&self) -> Result<Draft, Error> {
        let path = self.directory.join("state.json");
        Ok(store::draft_json(&path, &self.record, Durability::Boot)?)
    }

    /// Init's pid while init lives.
    pub(crate) fn pid(&self) -> Option<Pid> {
        let pid = Pid::from_raw(self.record.pid)?;
        sys::proc::is_alive(pid, self.record.start_time).then_some(pid)
    }

    /// The name of the session keyring that its programs share, as runc names it.
    pub(crate) fn keyring(&self) -> Option<CString> {
        let name = format!("_ses.{}", self.record.id);
        CString::new(name)
            .ok()
            .filter(|_| !self.record.no_new_keyring)
    }

    /// Where init waits for the start.
    pub(crate) fn fifo(&self) -> PathBuf {
        self.directory.join("exec.fifo")
    }

    /// What it is now.
    pub(crate) fn status(&self) -> Status {
        if self.pid().is_none() {
            return Status::Stopped;
        }
        if self.is_frozen() {
            return Status::Paused;
        }
        if self.fifo().exists() {
            Status::Created
        } else {
            Status::Running
        }
    }

    /// Opens only those of its cgroups that can tell.
    fn is_frozen(&self) -> bool {
        let paths = self.record.cgroup.as_ref().map(Paths::with_freezer);
        let cgroup = paths.and_then(|paths| Cgroup::open(&paths).ok());
        cgroup.is_some_and(|cgroup| cgroup.is_frozen().unwrap_or(false))
    }

    /// Refuses an operation that is not legal now.
    pub(crate) fn require(&self, operation: Operation) -> Result<(), Error> {
        let status = self.status();
        if operation.is_legal_in(status) {
            return Ok(());
        }
        Err(Error::Status {
            why: operation.refusal(&self.record.id, status),
        })
    }

    /// Its cgroup, if it has one that still exists.
    pub(crate) fn cgroup(&self) -> Option<Cgroup> {
        self.record
            .cgroup
            .as_ref()
            .and_then(|paths| Cgroup::open(paths).ok())
    }

    /// Ends whatever is in its cgroup, and removes it and its unit.
    pub(crate) fn remove_cgroup(&self) -> Result<(), crate::cgroup::Error> {
        let paths = self.record.cgroup.as_ref();
        if self.record.unit.is_none() && paths.is_none_or(Paths::remove_unused) {
            return Ok(());
        }
        let cgroup = self.cgroup();
        if let Some(cgroup) = &cgroup {
            cgroup.kill_all()?;
        }
        if let Some(unit) = &self.record.unit {
            unit.stop()?;
        }
        cgroup.map_or(Ok(()), |cgroup| cgroup.remove())
    }

    /// The bundle's configuration.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        self.record.configuration()
    }

    /// The state document of the specification.
    pub(crate) fn state(&self) -> spec::state::State {
        self.state_as(self.status())
    }

    /// The state document with a given status: hooks are told what the container is becoming.
    pub(crate) fn state_as(&self, status: Status) -> spec::state::State {
        spec::state::State {
            oci_version: spec::VERSION.to_owned(),
            id: self.record.id.clone(),
            status,
            pid: (status != Status::Stopped).then_some(self.record.pid),
            bundle: self.record.bundle.clone(),
            annotations: self.record.annotations.clone(),
        }
    }
}

/// Ids are names of directories: letters, digits and `_ + - .`, not starting with a dot.
pub fn is_valid_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 255
        && !id.starts_with('.')
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+-.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::is_valid_id;

    #[test]
    fn an_id_cannot_lead_out_of_the_state_directory() {
        assert!(is_valid_id("web-1.example_x+y"));
        for id in ["", ".", "..", "a/b", "../x", ".hidden", "a b", "a\n"] {
            assert!(!is_valid_id(id), "{id:?}");
        }
    }
}
