//! A private dockerd with a containerd of its own: everything of them is in one directory, and the
//! network is the benchmark's own.

use std::path::{Path, PathBuf};

use super::containerd::Containerd;
use super::daemon::Daemon;
use super::stage::Stage;
use super::subject::{CommandLine, container_name};

/// A running dockerd; dropping it ends it, and its containerd after it.
pub(super) struct Dockerd {
    daemon: Daemon,
    containerd: Containerd,
    socket: PathBuf,
}

impl Dockerd {
    /// Starts one whose data, state and sockets are in `directory`.
    pub(super) fn start(stage: &Stage, directory: &Path) -> Result<Self, String> {
        let program = stage.peer("dockerd")?;
        let containerd = Containerd::start(stage, directory)?;
        let socket = directory.join("docker.sock");
        let program = program
            .and(["--containerd"])
            .and([containerd.socket()])
            .and(["--data-root"])
            .and([directory.join("docker")])
            .and(["--exec-root"])
            .and([directory.join("docker-state")])
            .and(["--pidfile"])
            .and([directory.join("docker.pid")])
            .and(["--host".to_owned(), format!("unix://{}", socket.display())])
            // Removed with the benchmark's other cgroups.
            .and(["--cgroup-parent", &container_name("docker")]);
        let daemon = Daemon::start(&program, &socket)?;
        Ok(Dockerd {
            daemon,
            containerd,
            socket,
        })
    }

    /// `docker` that talks to it.
    pub(super) fn docker(&self, stage: &Stage) -> Result<CommandLine, String> {
        let host = format!("unix://{}", self.socket.display());
        Ok(stage.peer("docker")?.and(["--host", &host]))
    }

    /// The daemons' pids.
    pub(super) fn pids(&self) -> [u32; 2] {
        [self.daemon.pid(), self.containerd.pid()]
    }
}
