//! dockerd with wharf as its runtime, called by containerd's shim.

use serde_json::json;

use super::engine::Engine;
use super::stage::{Daemon, Stage};

const SOCKET: &str = "docker.sock";

/// A daemon that touches nothing outside of its directory and its namespaces.
pub(super) fn dockerd(stage: &Stage) -> Daemon {
    let configuration = json!({
        "runtimes": {"wharf": {"path": stage.runc()}}, "default-runtime": "wharf",
        "data-root": stage.path("data"), "exec-root": stage.path("exec"),
        "pidfile": stage.path("pid"), "hosts": [format!("unix://{}", stage.text(SOCKET))],
        "cgroup-parent": stage.cgroup(), "bridge": "none", "iptables": false,
        "ip6tables": false, "ip-forward": false, "ip-masq": false,
    });
    std::fs::write(stage.path("daemon.json"), configuration.to_string()).unwrap();
    let configuration = stage.text("daemon.json");
    stage.daemon(&["dockerd", "--config-file", &configuration], SOCKET)
}

pub(super) fn docker(stage: &Stage) -> Engine<'_> {
    let host = format!("unix://{}", stage.text(SOCKET));
    Engine {
        stage,
        program: ["docker", "--host", &host].map(str::to_owned).to_vec(),
        run_options: vec!["--network=none".to_owned()],
        environment: vec![("DOCKER_CONFIG", stage.text("docker"))],
    }
}

#[test]
fn docker_runs_programs() {
    let Some(stage) = Stage::new(&["dockerd", "docker"]) else {
        return;
    };
    let _daemon = dockerd(&stage);
    let docker = docker(&stage);
    docker.import();
    docker.runs_programs();
}

#[test]
fn docker_leads_the_lives_of_containers() {
    let Some(stage) = Stage::new(&["dockerd", "docker"]) else {
        return;
    };
    let _daemon = dockerd(&stage);
    let docker = docker(&stage);
    docker.import();
    docker.leads_lives();
    assert!(docker.limits(), "Docker did not hear of the memory's end");
}
