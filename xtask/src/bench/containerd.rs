//! A private containerd: everything of it is in one directory.

use std::fs;
use std::path::{Path, PathBuf};

use super::daemon::Daemon;
use super::stage::Stage;
use super::subject::CommandLine;

/// A running containerd; dropping it ends it.
pub(super) struct Containerd {
    daemon: Daemon,
    socket: PathBuf,
}

impl Containerd {
    /// Starts one whose root, state and socket are in `directory`, without what is for Kubernetes.
    pub(super) fn start(stage: &Stage, directory: &Path) -> Result<Self, String> {
        let program = stage.peer("containerd")?;
        let socket = directory.join("containerd.sock");
        let configuration = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\noom_score = 0\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = {socket:?}\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\npath = {:?}\n",
            directory.join("containerd"),
            directory.join("containerd-state"),
            directory.join("containerd-opt"),
        );
        let path = directory.join("containerd.toml");
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, configuration))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let daemon = Daemon::start(&program.and(["--config"]).and([&path]), &socket)?;
        Ok(Containerd { daemon, socket })
    }

    /// `ctr` that talks to it.
    pub(super) fn ctr(&self, stage: &Stage) -> Result<CommandLine, String> {
        Ok(stage.peer("ctr")?.and(["--address"]).and([&self.socket]))
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn pid(&self) -> u32 {
        self.daemon.pid()
    }
}
