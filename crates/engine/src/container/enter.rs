//! A program of the host in namespaces of a running container.

use runtime::{EnterRequest, Process};
use rustix::process::Pid;
use spec::runtime::NamespaceType;

use super::live::look;
use super::oci_spec;
use super::record::Record;
use super::sharing::{self, UserSpace};
use super::status::{Operation, Status};
use crate::{Engine, Error};

/// What to run, and in which namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnterConfig {
    /// The namespaces.
    pub namespaces: Vec<NamespaceType>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The environment, `NAME=value`.
    pub env: Vec<String>,
}

impl Engine {
    /// Runs a program of the host in namespaces of a container; it is a child of the caller, who
    /// must have a single thread. Who has no rights on the host enters the user namespace too.
    ///
    /// # Errors
    /// [`Error::Status`] unless the container runs; [`Error::Invalid`] when its processes could
    /// take the program over; anything that keeps the program from running.
    pub fn enter(&self, name: &str, config: &EnterConfig) -> Result<Process, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        live.status.require(Operation::Enter, &record.name)?;
        let pid = live.pid.and_then(Pid::from_raw).ok_or(Error::Status {
            operation: Operation::Enter,
            name: record.name.clone(),
            status: Status::Exited,
        })?;
        let mut namespaces = config.namespaces.clone();
        if !self.host.may_mount() && !namespaces.contains(&NamespaceType::User) {
            namespaces.push(NamespaceType::User);
        }
        self.refuse_capture(&record, &namespaces)?;
        let request = EnterRequest {
            pid,
            namespaces,
            args: config.command.clone(),
            env: config.env.clone(),
        };
        runtime::enter(&request).map_err(|source| Error::Runtime {
            name: record.name,
            source,
        })
    }

    /// A program that a process of the container sees and may trace would lend it the host's files:
    /// its root is still the host's.
    fn refuse_capture(&self, record: &Record, namespaces: &[NamespaceType]) -> Result<(), Error> {
        let has = |kind| namespaces.contains(&kind);
        let is_seen = has(NamespaceType::User) && has(NamespaceType::Pid);
        if !is_seen || has(NamespaceType::Mount) {
            return Ok(());
        }
        let rights = oci_spec::capability_sets(&record.config, 0)?;
        let may_trace = rights.bounding.iter().any(|name| name == "CAP_SYS_PTRACE");
        let user = sharing::user_space(&record.config, &self.host)?;
        match may_trace && user != UserSpace::Host {
            true => Err(Error::Invalid {
                what: "namespaces",
                why: format!(
                    "container {} has CAP_SYS_PTRACE and could take over a program that shares its \
                     user and pid namespaces and sees the host's files; leave one out, add --mount, \
                     or use `wharf debug`",
                    record.name
                ),
            }),
            false => Ok(()),
        }
    }
}
