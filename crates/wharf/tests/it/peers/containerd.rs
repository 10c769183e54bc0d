//! `ctr` and containerd, whose shim calls wharf.

use std::process::Command;

use super::stage::{Daemon, Stage, command, on_a_terminal};
use crate::harness::Outcome;

const SOCKET: &str = "containerd.sock";

/// A daemon of its own, without what is for Kubernetes.
pub(super) fn containerd(stage: &Stage) -> Daemon {
    let configuration = format!(
        "version = 2\nroot = {:?}\nstate = {:?}\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n\
         [grpc]\naddress = {:?}\n",
        stage.path("root"),
        stage.path("state"),
        stage.path(SOCKET),
    );
    std::fs::write(stage.path("config.toml"), configuration).unwrap();
    let configuration = stage.text("config.toml");
    stage.daemon(&["containerd", "--config", &configuration], SOCKET)
}

pub(super) struct Ctr<'a> {
    pub(super) stage: &'a Stage,
}

impl Ctr<'_> {
    fn words(&self, words: &[&str]) -> Vec<String> {
        let program = ["ctr", "--address", &self.stage.text(SOCKET)];
        let words = program.iter().chain(words);
        words.map(|word| (*word).to_owned()).collect()
    }

    fn command(&self, words: &[&str]) -> Command {
        command(&self.words(words))
    }

    pub(super) fn ok(&self, words: &[&str]) -> String {
        let outcome: Outcome = self.command(words).output().unwrap().into();
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome.stdout.trim_end().to_owned()
    }

    /// The words of a run of a program in the stage's root.
    fn run_words(&self, options: &[&str], id: &str, program: &[&str]) -> Vec<String> {
        let runc = self.stage.text("runc");
        let (root, rootfs) = (self.stage.text("runc-root"), self.stage.text("rootfs"));
        let cgroup = format!("{}/{id}", self.stage.cgroup());
        let fixed = [
            "run",
            "--runc-binary",
            &runc,
            "--runc-root",
            &root,
            "--cgroup",
            &cgroup,
        ];
        let words = [&fixed[..], options, &["--rootfs", &rootfs, id], program].concat();
        self.words(&words)
    }

    fn run(&self, options: &[&str], id: &str, program: &[&str]) -> Outcome {
        let words = self.run_words(options, id, program);
        command(&words).output().unwrap().into()
    }

    fn status(&self, id: &str) -> String {
        let table = self.ok(&["task", "list"]);
        let line = table.lines().find(|line| line.starts_with(id)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }

    /// Ends a container and takes it away.
    fn remove(&self, id: &str) {
        self.ok(&["task", "delete", "--force", id]);
        self.ok(&["container", "delete", id]);
    }
}

#[test]
fn containerd_runs_programs() {
    let Some(stage) = Stage::new(&["containerd", "ctr"]) else {
        return;
    };
    let _daemon = containerd(&stage);
    let ctr = Ctr { stage: &stage };
    assert_eq!(
        ctr.run(&["--rm"], "a", &["echo", "hello"]).stdout,
        "hello\n"
    );
    assert_eq!(ctr.run(&["--rm"], "b", &["sh", "-c", "exit 7"]).code, 7);
    // The shim reads our log to say why.
    let outcome = ctr.run(&["--rm"], "c", &["no-such-program"]);
    let why = "\"no-such-program\": executable file not found in $PATH";
    assert!(
        outcome.code != 0 && outcome.stderr.contains(why),
        "{outcome:?}"
    );
    let words = ctr.run_words(&["--rm", "--tty"], "d", &["tty"]);
    let said: Outcome = on_a_terminal(&words).output().unwrap().into();
    assert!(said.stdout.contains("/dev/pts/0"), "{said:?}");

    ctr.run(&["--detach"], "box", &["sleep", "1000"]);
    let exec = [
        "task",
        "exec",
        "--exec-id",
        "first",
        "box",
        "echo",
        "inside",
    ];
    assert_eq!(ctr.ok(&exec), "inside");
    let exec = ctr.words(&["task", "exec", "--tty", "--exec-id", "second", "box", "tty"]);
    let said: Outcome = on_a_terminal(&exec).output().unwrap().into();
    assert!(said.stdout.contains("/dev/pts/0"), "{said:?}");
    ctr.remove("box");
}

#[test]
fn containerd_leads_the_lives_of_containers() {
    let Some(stage) = Stage::new(&["containerd", "ctr"]) else {
        return;
    };
    let _daemon = containerd(&stage);
    let ctr = Ctr { stage: &stage };
    ctr.run(&["--detach"], "box", &["sleep", "1000"]);
    ctr.ok(&["task", "pause", "box"]);
    assert_eq!(ctr.status("box"), "PAUSED");
    ctr.ok(&["task", "resume", "box"]);
    assert_eq!(ctr.status("box"), "RUNNING");
    assert!(
        ctr.ok(&["task", "metrics", "box"])
            .contains("memory.usage_in_bytes")
    );
    assert_eq!(ctr.ok(&["task", "ps", "box"]).lines().count(), 2);
    ctr.ok(&["task", "kill", "--signal", "KILL", "box"]);
    ctr.remove("box");
    assert_eq!(ctr.ok(&["container", "list", "--quiet"]), "");
}

#[test]
fn containerd_hears_that_the_memory_came_to_its_end() {
    let Some(stage) = Stage::new(&["containerd", "ctr"]) else {
        return;
    };
    let _daemon = containerd(&stage);
    let ctr = Ctr { stage: &stage };
    let heard = std::fs::File::create(stage.path("events")).unwrap();
    let mut events = ctr.command(&["events"]).stdout(heard).spawn().unwrap();
    // The first may come to its end before anybody listens.
    let was_heard = (0..10).any(|number| {
        let id = format!("eater-{number}");
        let limit = ["--rm", "--memory-limit", "33554432"];
        assert_eq!(ctr.run(&limit, &id, &["tail", "/dev/zero"]).code, 137);
        let text = std::fs::read_to_string(stage.path("events")).unwrap();
        text.contains("/tasks/oom")
    });
    let _ = events.kill();
    let _ = events.wait();
    assert!(was_heard);
}
