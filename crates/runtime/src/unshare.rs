//! One primitive alone: a program of the host in new namespaces, or in another root, without a
//! container around it. Same init as a container's, with most steps left out.

use std::path::{Path, PathBuf};

use spec::runtime::{IdMapping, NamespaceType, Process as Wanted};

use crate::error::Error;
use crate::id_map::IdMaps;
use crate::init::parent::Launch;
use crate::namespaces::{self, Namespaces};
use crate::plan::{Bare, Plan};
use crate::process::Process;
use crate::scheduling::Scheduling;
use crate::stdio::Stdio;

/// What is wanted new.
#[derive(Debug, Default)]
pub struct UnshareRequest {
    /// The namespaces to make. An ordinary user gets a user namespace in any case, since nobody
    /// else may make the others.
    pub namespaces: Vec<NamespaceType>,
    /// The directory that becomes the root.
    pub chroot: Option<PathBuf>,
    /// The program and its arguments.
    pub args: Vec<String>,
    /// Its environment, `NAME=VALUE`.
    pub env: Vec<String>,
}

/// Runs the program; it is a child of the caller, dies with it, and so does everything it started
/// when a pid namespace is among the new ones.
///
/// # Errors
/// When a namespace cannot be made or the program cannot be run.
pub fn unshare(request: &UnshareRequest) -> Result<Process, Error> {
    let mut kinds = request.namespaces.clone();
    let is_root = rustix::process::geteuid().is_root();
    if !is_root && !kinds.contains(&NamespaceType::User) {
        kinds.push(NamespaceType::User);
    }
    let fresh_proc = kinds.contains(&NamespaceType::Pid);
    if fresh_proc && !kinds.contains(&NamespaceType::Mount) {
        // The old /proc would show the processes of the old pid namespace.
        kinds.push(NamespaceType::Mount);
    }
    let create = kinds.iter().map(|kind| namespaces::flag(*kind)).collect();
    let namespaces = Namespaces {
        create,
        join: Vec::new(),
    };
    let own = |id: u32| {
        [IdMapping {
            container_id: 0,
            host_id: id,
            size: 1,
        }]
    };
    let uids = own(rustix::process::geteuid().as_raw());
    let gids = own(rustix::process::getegid().as_raw());
    let maps = IdMaps {
        uids: &uids,
        gids: &gids,
    };
    let process = Wanted {
        args: request.args.clone(),
        env: request.env.clone(),
        cwd: working_directory(request.chroot.as_deref()),
        ..Wanted::default()
    };
    let plan = Plan {
        id_maps: kinds.contains(&NamespaceType::User).then_some(maps),
        bare: Some(Bare {
            chroot: request.chroot.as_deref(),
            fresh_proc,
        }),
        dies_with_parent: true,
        scheduling: Scheduling::default(),
        ..Plan::of_process(&process, namespaces)?
    };
    Launch::bare(&plan, &Stdio::Inherit)
        .run(|_| Ok(()))?
        .start()
}

fn working_directory(chroot: Option<&Path>) -> PathBuf {
    match chroot {
        Some(_) => PathBuf::from("/"),
        None => std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
    }
}
