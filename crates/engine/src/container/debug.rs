//! A container of the host's tools beside another one: it shares that one's namespaces but the
//! mounts, and so sees its processes, its network, and its root below /proc.

use std::collections::BTreeMap;

use super::config::{ContainerConfig, LogDriver, Namespaces, Root, Seccomp, Sharing};
use super::live::look;
use super::sharing::{self, UserSpace};
use super::status::{Operation, Status};
use crate::{Engine, Error};

/// The label of such a container; its value is the id of the other one.
const DEBUGS: &str = "dev.wharf.debugs";

/// The pid of a process in the innermost of its pid namespaces.
fn inner_pid(pid: i32) -> Option<u32> {
    let status = sys::proc::read(&format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().next_back()?.parse().ok()
}

impl Engine {
    /// What to run beside the container `name`. The request says which program; nothing of the
    /// caller's goes with it. It has all rights of the container's user namespace, and its root is
    /// the built-in image: whoever in the container gets hold of it has won no file of the host
    /// that any container of that image could not read.
    ///
    /// # Errors
    /// [`Error::Status`] unless the container runs.
    pub fn debugger(&self, name: &str, command: Vec<String>) -> Result<ContainerConfig, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        live.status.require(Operation::Enter, &record.name)?;
        let pid = live.pid.and_then(inner_pid).ok_or(Error::Status {
            operation: Operation::Enter,
            name: record.name.clone(),
            status: Status::Exited,
        })?;
        let with = || Sharing::Container(record.id.clone());
        let is_of_host = sharing::user_space(&record.config, &self.host)? == UserSpace::Host;
        Ok(ContainerConfig {
            root: Root::Image("host".to_owned()),
            // A working directory that a link of /proc leads to is refused, a shell may go there.
            command: ["sh", "-c", "cd \"$0\"; exec \"$@\""]
                .map(str::to_owned)
                .into_iter()
                .chain([format!("/proc/{pid}/root")])
                .chain(command)
                .collect(),
            entrypoint: Some(Vec::new()),
            env: vec![format!("WHARF_ROOT=/proc/{pid}/root")],
            labels: BTreeMap::from([(DEBUGS.to_owned(), record.id.clone())]),
            auto_remove: true,
            namespaces: Namespaces {
                pid: with(),
                network: with(),
                ipc: with(),
                uts: with(),
                user: match is_of_host {
                    true => Sharing::Host,
                    false => with(),
                },
                cgroup: Sharing::Private,
            },
            cap_add: vec!["ALL".to_owned()],
            seccomp: Seccomp::Unconfined,
            shows_system_paths: true,
            log: LogDriver::None,
            ..ContainerConfig::default()
        })
    }
}
