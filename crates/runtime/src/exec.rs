//! `exec`: one more process in a container that stands: the same init, joining instead of making.

use std::path::Path;

use spec::runtime::Process as Wanted;

use crate::cgroup::SubCgroup;
use crate::container::Container;
use crate::error::Error;
use crate::init::parent::Launch;
use crate::namespaces::Namespaces;
use crate::plan::Plan;
use crate::process::Process;
use crate::rootfs::on_host;
use crate::scheduling::{OwnScheduling, Scheduling};
use crate::status::Operation;
use crate::stdio::Stdio;
use crate::trace::Trace;
use crate::{handover, seccomp};

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
    /// A listening unix socket that gets a pidfd of the process.
    pub pidfd_socket: Option<&'a Path>,
    /// Groups below the container's cgroup that the process goes into.
    pub cgroups: &'a [SubCgroup],
    /// Where compiled filters are kept for the next process with the same profile.
    pub filters: Option<&'a Path>,
    /// Go into a paused container too, to wait there until it is resumed.
    pub ignore_paused: bool,
    /// Who is told of the steps.
    pub trace: Trace<'a>,
}

/// Runs a process in a container; it is a child of the caller.
///
/// # Errors
/// [`Error::Status`] unless the container runs; anything that keeps the program from running.
pub fn exec(request: ExecRequest<'_>) -> Result<Process, Error> {
    let container = Container::open(request.root, request.id)?;
    let operation = match request.ignore_paused {
        true => Operation::ExecPaused,
        false => Operation::Exec,
    };
    container.require(operation)?;
    let Some(pid) = container.pid() else {
        return container.require(operation).and(Err(Error::NotFound {
            id: request.id.to_owned(),
        }));
    };
    let config = container.config()?;
    let profile = config
        .linux
        .as_ref()
        .and_then(|linux| linux.seccomp.as_ref());
    let linux = config.linux.as_ref();
    let state = container.state();
    let plan = Plan {
        scheduling: Scheduling::of_exec(request.process)?,
        own_scheduling: linux
            .map(OwnScheduling::resolve)
            .transpose()?
            .unwrap_or_default(),
        preserve_fds: request.preserve_fds,
        keyring: container.keyring(),
        joins_root: match container.record.root_on_host {
            Some(_) => Some(on_host::of_process(pid)?),
            None => None,
        },
        seccomp: profile
            .map(|profile| seccomp::Filter::of(profile, &state, request.filters))
            .transpose()
            .map_err(Error::Seccomp)?,
        ..Plan::of_process(request.process, Namespaces::of_process(pid)?)?
    };
    let cgroup = container
        .cgroup()
        .map(|cgroup| match request.cgroups {
            [] => cgroup.with_processes_of(pid),
            subs => cgroup.below(subs),
        })
        .transpose()
        .map_err(Error::Cgroup)?;
    let launch = Launch {
        plan: &plan,
        stdio: &request.stdio,
        cgroup: cgroup.as_ref(),
        resctrl: container.record.intel_rdt.as_ref(),
        attach_to: container.record.closed_unit(cgroup.as_ref()),
        fifo: None,
        oom_score_adj: request.process.oom_score_adj,
        furnisher: None,
        trace: request.trace,
    };
    let mut waiting = launch.run(|_| Ok(()))?;
    let sockets = (request.console_socket, request.pidfd_socket);
    match handover::hand_out(&waiting.process, sockets.0, sockets.1) {
        Ok(()) => waiting.start(),
        Err(fault) => {
            waiting.abandon();
            Err(fault.into())
        }
    }
}
