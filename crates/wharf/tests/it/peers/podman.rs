//! `podman --runtime`: conmon calls wharf.

use super::engine::Engine;
use super::stage::Stage;

/// Podman with a storage and a configuration of its own.
pub(super) fn podman(stage: &Stage) -> Engine<'_> {
    // Locks of the machine's own, in /dev/shm, are not ours to touch, and Podman's default limits
    // may exceed those that we have.
    let configuration = format!(
        "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
         [engine]\nlock_type = \"file\"\nevents_logger = \"file\"\n\
         cgroup_manager = \"cgroupfs\"\n[network]\nnetwork_config_dir = \"{}\"\n",
        stage.text("networks")
    );
    std::fs::write(stage.path("containers.conf"), configuration).unwrap();
    let words = [
        "podman",
        "--log-level=error",
        "--root",
        &stage.text("storage"),
        "--runroot",
        &stage.text("run"),
        "--tmpdir",
        &stage.text("podman"),
        "--runtime",
        &stage.text("runc"),
    ];
    Engine {
        stage,
        program: words.map(str::to_owned).to_vec(),
        run_options: vec![
            "--network=none".to_owned(),
            format!("--cgroup-parent={}", stage.cgroup()),
        ],
        environment: vec![("CONTAINERS_CONF", stage.text("containers.conf"))],
    }
}

#[test]
fn podman_runs_programs() {
    let Some(stage) = Stage::new(&["podman"]) else {
        return;
    };
    let podman = podman(&stage);
    podman.import();
    podman.runs_programs();
}

#[test]
fn podman_leads_the_lives_of_containers() {
    let Some(stage) = Stage::new(&["podman"]) else {
        return;
    };
    let podman = podman(&stage);
    podman.import();
    podman.leads_lives();
    // conmon asks the kernel itself, and hears of the end first.
    podman.limits();
}
