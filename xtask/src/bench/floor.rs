//! The floor as a subject: how `src/bin/floor` is called, and a container of its making that
//! stands while its `exec` is measured.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::cases::FLOOR;
use super::stage::Stage;
use super::subject::{CommandLine, ID, Subject, container_name};

/// Longer than a container takes to start on the slowest machine.
const START_TIME: Duration = Duration::from_secs(10);

/// The floor's `run` of `true` over the stage's root, in a cgroup of its own.
pub(super) fn run(stage: &Stage, options: &[&str]) -> CommandLine {
    let run = CommandLine::new([&stage.floor]).and(["run"]).and(options);
    run.and([stage.rootfs()]).and([ID, "/bin/true"])
}

/// The floor's `exec` of `true`, with a container for it.
pub(super) fn exec(stage: &Stage) -> Subject {
    let cgroup = container_name(FLOOR);
    let started = Container::start(stage, &cgroup).map(|container| {
        let pid = container.init.as_raw_nonzero().to_string();
        let exec = CommandLine::new([&stage.floor]);
        (exec.and(["exec", &cgroup, &pid, "/bin/true"]), container)
    });
    Subject::in_container(FLOOR, started)
}

/// A container that sleeps; dropping it ends it, and the floor removes its cgroups.
struct Container {
    floor: Child,
    init: Pid,
}

impl Container {
    fn start(stage: &Stage, cgroup: &str) -> Result<Self, String> {
        let mut floor = Command::new(&stage.floor)
            .arg("run")
            .arg(stage.rootfs())
            .args([cgroup, "/bin/sleep", "100000"])
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let deadline = Instant::now() + START_TIME;
        while Instant::now() < deadline {
            if let Some(init) = child_named_sleep(floor.id()) {
                return Ok(Container { floor, init });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        floor.kill().ok();
        floor.wait().ok();
        Err("its container does not start".to_owned())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        kill_process(self.init, Signal::KILL).ok();
        self.floor.wait().ok();
    }
}

/// The child of the process, once it has become `sleep`.
fn child_named_sleep(parent: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    let child: i32 = children.trim().parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
    Pid::from_raw(child).filter(|_| name.trim() == "sleep")
}
