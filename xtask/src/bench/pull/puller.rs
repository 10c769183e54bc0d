//! Who pulls: each engine with everything of its own on an empty disk.

use std::any::Any;
use std::path::Path;

use super::super::containerd::Containerd;
use super::super::dockerd::Dockerd;
use super::super::stage::Stage;
use super::super::subject::CommandLine;
use super::image::Codec;
use super::registry::Registry;
use super::{FLOOR, WHARF};

/// An engine that pulls.
pub(super) struct Puller {
    pub(super) name: &'static str,
    pub(super) ready: fn(&Stage, &Path, &Registry, &Codec) -> Result<Ready, String>,
}

/// What is measured next; dropping it ends the daemons.
pub(super) struct Ready {
    pub(super) command: CommandLine,
    pub(super) daemons: Vec<u32>,
    _kept: Option<Box<dyn Any>>,
}

pub(super) fn pullers() -> [Puller; 5] {
    let puller = |name, ready| Puller { name, ready };
    [
        puller(FLOOR, floor as _),
        puller(WHARF, wharf as _),
        puller("containerd", containerd as _),
        puller("podman", podman as _),
        puller("docker", docker as _),
    ]
}

fn alone(command: CommandLine) -> Result<Ready, String> {
    Ok(Ready {
        command,
        daemons: Vec::new(),
        _kept: None,
    })
}

fn floor(stage: &Stage, disk: &Path, registry: &Registry, codec: &Codec) -> Result<Ready, String> {
    let unpack = CommandLine::new([&stage.floor]).and(["unpack"]).and([disk]);
    alone(unpack.and(registry.layers(stage, codec)?))
}

fn wharf(stage: &Stage, disk: &Path, registry: &Registry, codec: &Codec) -> Result<Ready, String> {
    let wharf = CommandLine::new([&stage.wharf]).and(["--data-root"]);
    let wharf = wharf.and([disk.join("data")]).and(["--run-root"]);
    let pull = wharf.and([disk.join("run")]).and(["pull", "--quiet"]);
    alone(pull.and([registry.image(codec)]))
}

fn containerd(
    stage: &Stage,
    disk: &Path,
    registry: &Registry,
    codec: &Codec,
) -> Result<Ready, String> {
    let daemon = Containerd::start(stage, disk)?;
    let pull = daemon.ctr(stage)?.and(["image", "pull", "--plain-http"]);
    Ok(Ready {
        command: pull.and([registry.image(codec)]),
        daemons: vec![daemon.pid()],
        _kept: Some(Box::new(daemon)),
    })
}

fn podman(stage: &Stage, disk: &Path, registry: &Registry, codec: &Codec) -> Result<Ready, String> {
    // It keeps what it downloads in a temporary file.
    let temporary = format!("TMPDIR={}", disk.display());
    let podman = CommandLine::new(["env", &temporary]).then(&stage.peer("podman")?);
    let podman = podman.and(["--root"]).and([disk.join("root")]);
    let podman = podman.and(["--runroot"]).and([stage.state("podman-pull")]);
    let podman = podman.and(["--storage-driver=overlay", "--events-backend=none"]);
    let pull = podman.and(["pull", "--quiet", "--tls-verify=false"]);
    alone(pull.and([registry.image(codec)]))
}

fn docker(stage: &Stage, disk: &Path, registry: &Registry, codec: &Codec) -> Result<Ready, String> {
    let daemon = Dockerd::start(stage, disk)?;
    let pull = daemon.docker(stage)?.and(["pull", "--quiet"]);
    Ok(Ready {
        command: pull.and([registry.image(codec)]),
        daemons: daemon.pids().to_vec(),
        _kept: Some(Box::new(daemon)),
    })
}
