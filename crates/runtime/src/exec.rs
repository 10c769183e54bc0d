//! `exec`: one more process in a container that stands: the same init, joining instead of making.

use std::os::fd::AsFd;
use std::path::Path;

use spec::runtime::Process as Wanted;

use crate::container::Container;
use crate::error::Error;
use crate::init::parent::Launch;
use crate::namespaces::Namespaces;
use crate::plan::Plan;
use crate::process::Process;
use crate::scheduling::{OwnScheduling, Scheduling};
use crate::status::Operation;
use crate::stdio::Stdio;
use crate::{seccomp, terminal};

/// What `exec` needs to know.
#[derive(Debug)]
pub struct ExecRequest<'a> {
    /// The directory of all state directories.
    pub root: &'a Path,
    /// The container.
    pub id: &'a str,
    /// The process to run.
    pub process: &'a Wanted,
    /// The standard streams.
    pub stdio: Stdio,
    /// How many fds after the standard streams are passed on.
    pub preserve_fds: u32,
    /// A listening unix socket that gets the master of the terminal.
    pub console_socket: Option<&'a Path>,
}

/// Runs a process in a container; it is a child of the caller.
///
/// # Errors
/// [`Error::Status`] unless the container runs; anything that keeps the program from running.
pub fn exec(request: ExecRequest<'_>) -> Result<Process, Error> {
    let container = Container::open(request.root, request.id)?;
    container.require(Operation::Exec)?;
    let Some(pid) = container.pid() else {
        return container.require(Operation::Exec).and(Err(Error::NotFound {
            id: request.id.to_owned(),
        }));
    };
    let config = container.config()?;
    let profile = config
        .linux
        .as_ref()
        .and_then(|linux| linux.seccomp.as_ref());
    let linux = config.linux.as_ref();
    let plan = Plan {
        scheduling: Scheduling::of_exec(request.process)?,
        own_scheduling: linux
            .map(OwnScheduling::resolve)
            .transpose()?
            .unwrap_or_default(),
        preserve_fds: request.preserve_fds,
        seccomp: profile
            .map(seccomp::compile)
            .transpose()
            .map_err(Error::Seccomp)?,
        ..Plan::of_process(request.process, Namespaces::of_process(pid)?)?
    };
    let cgroup = container.cgroup();
    let launch = Launch {
        plan: &plan,
        stdio: &request.stdio,
        cgroup: cgroup.as_ref(),
        fifo: None,
        oom_score_adj: request.process.oom_score_adj,
    };
    let process = launch.run(|_| Ok(()))?.start()?;
    if let (Some(socket), Some(master)) = (request.console_socket, &process.terminal) {
        terminal::send_master(socket, master.as_fd())?;
    }
    Ok(process)
}
