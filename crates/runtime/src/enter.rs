//! A program of the host in some of the namespaces of a running process: what nsenter(1) does. Its
//! rights stay as they are but for what a user namespace takes and gives.

use rustix::process::Pid;
use spec::runtime::{NamespaceType, Process as Wanted};

use crate::error::Error;
use crate::init::parent::Launch;
use crate::namespaces::Namespaces;
use crate::plan::{Bare, Plan};
use crate::process::Process;
use crate::scheduling::Scheduling;
use crate::stdio::Stdio;

/// Where to go, and with what.
#[derive(Debug, Clone)]
pub struct EnterRequest {
    /// Whose namespaces.
    pub pid: Pid,
    /// Which of them; those that the caller is in already are left out.
    pub namespaces: Vec<NamespaceType>,
    /// The program and its arguments.
    pub args: Vec<String>,
    /// Its environment, `NAME=VALUE`.
    pub env: Vec<String>,
}

/// Runs the program; it is a child of the caller and dies with it. No descriptor of the caller goes
/// with it but the standard streams. In another mount namespace, or with the rights of another user
/// namespace, it begins at the root, else where the caller is.
///
/// # Errors
/// When a namespace cannot be joined or the program cannot be run.
pub fn enter(request: &EnterRequest) -> Result<Process, Error> {
    let namespaces = Namespaces::some_of_process(request.pid, &request.namespaces)?;
    let is_joined = |kind| namespaces.joined(kind).is_some();
    let moves = is_joined(NamespaceType::Mount) || is_joined(NamespaceType::User);
    let here = std::env::current_dir().ok().filter(|_| !moves);
    let process = Wanted {
        args: request.args.clone(),
        env: request.env.clone(),
        cwd: here.unwrap_or_else(|| "/".into()),
        ..Wanted::default()
    };
    let plan = Plan {
        bare: Some(Bare {
            chroot: None,
            fresh_proc: false,
        }),
        dies_with_parent: true,
        scheduling: Scheduling::default(),
        ..Plan::of_process(&process, namespaces)?
    };
    Launch::bare(&plan, &Stdio::Inherit)
        .run(|_| Ok(()))?
        .start()
}
