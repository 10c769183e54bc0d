//! The engines that are measured: how each is called for the same work, and which version is
//! installed.

use std::ffi::OsStr;
use std::fs;

use serde_json::Value;

use super::stage::Stage;
use super::subject::{CommandLine, PREFIX, Running, container_name};

/// Programs whose versions belong beside the figures.
const PEERS: [&str; 7] = [
    "crun",
    "runc",
    "bwrap",
    "systemd-nspawn",
    "podman",
    "conmon",
    "docker",
];

/// The version of every peer, or that it is not there.
pub(super) fn versions(stage: &Stage) -> Vec<(&'static str, String)> {
    let version = |name| {
        let said = stage
            .peer(name)
            .and_then(|program| program.and(["--version"]).output());
        said.map_or_else(|why| why, |said| first_line(&said))
    };
    PEERS.iter().map(|&name| (name, version(name))).collect()
}

/// `crun version 1.8.1` is `1.8.1` beside the name.
fn first_line(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    let version = line.find(|c: char| c.is_ascii_digit());
    line[version.unwrap_or(0)..].to_owned()
}

/// An OCI runtime of a peer with a state directory on the stage.
pub(super) fn oci_runtime(stage: &Stage, name: &str) -> Result<CommandLine, String> {
    let state = stage.state(name);
    Ok(stage.peer(name)?.and(["--root"]).and([state]))
}

/// wharf in that role.
pub(super) fn wharf_oci(stage: &Stage) -> CommandLine {
    let program = CommandLine::new([&stage.wharf]).and(["oci", "--root"]);
    program.and([stage.state("wharf-oci")])
}

/// An engine with Docker's verbs.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    program: CommandLine,
    /// What its `run` needs beside the options that all have.
    run_options: Vec<String>,
    /// The image whose programs are run.
    image: &'static str,
    /// The name of the bridge that its containers are put on.
    network: &'static str,
}

/// The filter that wharf gives its containers: Docker's default profile, resolved for Docker's
/// default capabilities and this machine.
pub(super) fn default_filter(stage: &Stage) -> Result<Value, String> {
    let engine = wharf(stage);
    let name = container_name("filter");
    let _running = engine.start(&name)?;
    let inspected = engine.program.and(["inspect", &name]).output()?;
    let inspected: Value = serde_json::from_str(&inspected).map_err(|error| error.to_string())?;
    let id = inspected[0]["Id"].as_str().ok_or("inspect tells no Id")?;
    let containers = stage.state("wharf/run/containers");
    let path = containers.join(id).join("config.json");
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut config: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let filter = config["linux"]["seccomp"].take();
    if filter.is_null() {
        return Err(format!("{} has no filter", path.display()));
    }
    Ok(filter)
}

impl Engine {
    /// `run` without a network; options, image and program come next.
    pub(super) fn run(&self) -> CommandLine {
        let run = self.program.and(["run", "--network", "none"]);
        run.and(&self.run_options)
    }

    /// `run` on a bridge.
    pub(super) fn bridged(&self) -> CommandLine {
        let run = self.program.and(["run", "--network", self.network]);
        run.and(&self.run_options)
    }

    /// The name of that bridge.
    pub(super) fn network(&self) -> &'static str {
        self.network
    }

    /// Any verb with its arguments.
    pub(super) fn verb<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> CommandLine {
        self.program.and(words)
    }

    /// The image whose programs are run.
    pub(super) fn image(&self) -> &'static str {
        self.image
    }

    /// `run --rm` of `true` from the image.
    pub(super) fn run_true(&self) -> CommandLine {
        self.run().and(["--rm", self.image, "true"])
    }

    /// `exec` of `true`.
    pub(super) fn exec_true(&self, container: &str) -> CommandLine {
        self.program.and(["exec", container, "true"])
    }

    /// Starts a container that sleeps.
    pub(super) fn start(&self, name: &str) -> Result<Running, String> {
        let start = self.run().and(["--detach", "--name", name]);
        let end = self.program.and(["rm", "--force", name]);
        start.and([self.image, "sleep", "100000"]).start(end)
    }
}

/// wharf with an installation on the stage and the built-in image.
pub(super) fn wharf(stage: &Stage) -> Engine {
    let program = CommandLine::new([&stage.wharf]).and(["--data-root"]);
    let program = program.and([stage.state("wharf/data")]);
    Engine {
        program: program.and(["--run-root"]).and([stage.state("wharf/run")]),
        run_options: Vec::new(),
        image: "host",
        network: PREFIX,
    }
}

pub(super) fn bubblewrap(stage: &Stage) -> Result<CommandLine, String> {
    let program = stage.peer("bwrap")?.and(["--unshare-all", "--ro-bind"]);
    let program = program.and([stage.rootfs()]);
    Ok(program.and(["/", "--proc", "/proc", "--dev", "/dev", "/bin/true"]))
}

pub(super) fn nspawn(stage: &Stage) -> Result<CommandLine, String> {
    let program = stage
        .peer("systemd-nspawn")?
        .and(["--quiet", "--register=no", "--keep-unit"]);
    let program = program.and(["--private-network", "--directory"]);
    Ok(program.and([stage.rootfs()]).and(["/bin/true"]))
}

/// The image that is made for engines that run nothing else.
const IMAGE: &str = PREFIX;

/// Podman with a storage on the stage that holds the image.
pub(super) fn podman(stage: &Stage) -> Result<Engine, String> {
    let podman = stage
        .peer("podman")?
        .and(["--root"])
        .and([stage.state("podman/root")]);
    let podman = podman.and(["--runroot"]).and([stage.state("podman/run")]);
    let podman = podman.and(["--cgroup-manager=cgroupfs", "--events-backend=file"]);
    let import = podman.and(["import"]).and([stage.archive()?]);
    import.and([IMAGE]).time()?;
    Ok(Engine {
        program: podman,
        run_options: podman_options(),
        image: IMAGE,
        network: "podman",
    })
}

/// A cgroup that goes with the stage, and limits: Podman's defaults exceed those of a root without
/// CAP_SYS_RESOURCE.
fn podman_options() -> Vec<String> {
    let cgroup = format!("--cgroup-parent=/{}", container_name("podman"));
    let limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"];
    limits
        .map(str::to_owned)
        .into_iter()
        .chain([cgroup])
        .collect()
}

/// Docker, whose daemon gets the image.
pub(super) fn docker(stage: &Stage) -> Result<Engine, String> {
    let docker = stage.dockerd()?.docker(stage)?;
    let import = docker.and(["import"]).and([stage.archive()?]);
    import.and([IMAGE]).time()?;
    Ok(Engine {
        program: docker,
        run_options: Vec::new(),
        image: IMAGE,
        network: "bridge",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_without_the_programs_name() {
        assert_eq!(first_line("crun version 1.8.1\ncommit: x"), "1.8.1");
        assert_eq!(first_line("systemd 252 (252.39-1)"), "252 (252.39-1)");
        assert_eq!(first_line("unknown"), "unknown");
    }
}
