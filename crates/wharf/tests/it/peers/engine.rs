//! An engine with Docker's command line, and what it must find with wharf as its runtime.

use std::io::Write;
use std::process::{Command, Stdio};

use super::stage::{Stage, command, on_a_terminal};
use crate::harness::Outcome;

/// The name that the root gets as an image.
pub(super) const IMAGE: &str = "wharf-peer";

/// How an engine is called.
pub(super) struct Engine<'a> {
    pub(super) stage: &'a Stage,
    /// The program and its global options.
    pub(super) program: Vec<String>,
    /// What every `run` needs.
    pub(super) run_options: Vec<String>,
    pub(super) environment: Vec<(&'static str, String)>,
}

impl Engine<'_> {
    /// The words of a verb; `run` and `create` get their options.
    fn words(&self, words: &[&str]) -> Vec<String> {
        let (verb, rest) = words.split_first().unwrap();
        let mut all = self.program.clone();
        all.push((*verb).to_owned());
        if matches!(*verb, "run" | "create") {
            all.extend(self.run_options.clone());
        }
        all.extend(rest.iter().map(|word| (*word).to_owned()));
        all
    }

    /// conmon leaves a file where it was started.
    fn settle<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command.envs(environment).current_dir(self.stage.path(""))
    }

    fn outcome(&self, command: &mut Command) -> Outcome {
        self.settle(command).output().unwrap().into()
    }

    fn run(&self, words: &[&str]) -> Outcome {
        self.outcome(&mut command(&self.words(words)))
    }

    pub(super) fn ok(&self, words: &[&str]) -> String {
        let outcome = self.run(words);
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome.stdout.trim_end().to_owned()
    }

    /// Runs a verb that must fail.
    pub(super) fn fails(&self, words: &[&str]) {
        let outcome = self.run(words);
        assert_ne!(outcome.code, 0, "{words:?}: {outcome:?}");
    }

    fn code(&self, words: &[&str]) -> i32 {
        self.run(words).code
    }

    /// Runs a verb with something to read.
    fn with_input(&self, words: &[&str], input: &str) -> String {
        let mut command = command(&self.words(words));
        let command = self.settle(&mut command).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a verb on a terminal; gives back what it says there.
    fn on_a_terminal(&self, words: &[&str]) -> String {
        let outcome = self.outcome(&mut on_a_terminal(&self.words(words)));
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome.stdout
    }

    fn inspect(&self, container: &str, field: &str) -> String {
        let format = format!("{{{{.{field}}}}}");
        self.ok(&["inspect", "--format", &format, container])
    }

    /// Brings the root in as an image.
    pub(super) fn import(&self) {
        let archive = self.stage.archive();
        self.ok(&["import", archive.to_str().unwrap(), IMAGE]);
    }

    /// Programs of containers: their streams, terminals, users and exit codes.
    pub(super) fn runs_programs(&self) {
        assert_eq!(self.ok(&["run", "--rm", IMAGE, "echo", "hello"]), "hello");
        let words = ["run", "--rm", IMAGE, "sh", "-c", "exit 7"];
        assert_eq!(self.code(&words), 7);
        let words = ["run", "--rm", IMAGE, "no-such-program"];
        assert_eq!(self.code(&words), 127);
        assert_eq!(self.code(&["run", "--rm", IMAGE, "/etc"]), 126);
        let words = ["run", "--rm", "-i", IMAGE, "cat"];
        assert_eq!(self.with_input(&words, "to and fro\n"), "to and fro\n");
        let said = self.on_a_terminal(&["run", "--rm", "-t", IMAGE, "tty"]);
        assert!(said.contains("/dev/pts/0"), "{said}");
        let script = "id -u; touch /x 2>/dev/null || echo denied";
        let words = ["run", "--rm", "--user", "1000", IMAGE, "sh", "-c", script];
        assert_eq!(self.ok(&words), "1000\ndenied");
        self.executes_in_containers();
        self.keeps_logs();
    }

    fn executes_in_containers(&self) {
        self.ok(&["run", "-d", "--name", "box", IMAGE, "sleep", "1000"]);
        assert_eq!(self.ok(&["exec", "box", "echo", "inside"]), "inside");
        assert_eq!(self.code(&["exec", "box", "sh", "-c", "exit 7"]), 7);
        assert_ne!(self.code(&["exec", "box", "no-such-program"]), 0);
        let words = ["exec", "-i", "box", "cat"];
        assert_eq!(self.with_input(&words, "to and fro\n"), "to and fro\n");
        let said = self.on_a_terminal(&["exec", "-t", "box", "tty"]);
        assert!(said.contains("/dev/pts/"), "{said}");
        self.ok(&["kill", "box"]);
        self.ok(&["rm", "--force", "box"]);
    }

    fn keeps_logs(&self) {
        let script = "echo out; echo err >&2";
        self.ok(&["run", "-d", "--name", "talker", IMAGE, "sh", "-c", script]);
        assert_eq!(self.ok(&["wait", "talker"]), "0");
        let logs = self.run(&["logs", "talker"]);
        assert_eq!(logs.stdout, "out\n");
        assert!(logs.stderr.ends_with("err\n"), "{logs:?}");
        self.ok(&["rm", "talker"]);
    }

    /// Containers from their start to their end.
    pub(super) fn leads_lives(&self) {
        self.ok(&["run", "-d", "--name", "box", IMAGE, "sleep", "1000"]);
        self.ok(&["pause", "box"]);
        assert_eq!(self.inspect("box", "State.Status"), "paused");
        self.ok(&["unpause", "box"]);
        assert_eq!(self.inspect("box", "State.Status"), "running");
        let usage = self.ok(&["stats", "--no-stream", "--format", "{{.PIDs}}", "box"]);
        assert_eq!(usage, "1");
        assert!(self.ok(&["top", "box"]).contains("sleep 1000"));
        self.updates();
        self.ok(&["kill", "--signal", "KILL", "box"]);
        assert_eq!(self.ok(&["wait", "box"]), "137");
        self.ok(&["rm", "box"]);
        let words = ["create", "--name", "unborn", IMAGE, "true"];
        self.ok(&words);
        self.ok(&["rm", "unborn"]);
        assert_eq!(self.ok(&["ps", "--all", "--quiet"]), "");
    }

    /// Changes a limit of the container that runs, as the kernel has it.
    fn updates(&self) {
        self.ok(&["update", "--memory", "48m", "--memory-swap", "48m", "box"]);
        let pid = self.inspect("box", "State.Pid");
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        let of_memory = |line: &str| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let file = match controllers {
                "memory" => "memory.limit_in_bytes",
                "" => "memory.max",
                _ => return None,
            };
            let top = format!("/sys/fs/cgroup/{controllers}");
            std::fs::read_to_string(format!("{top}{path}/{file}")).ok()
        };
        let limit = groups.lines().find_map(of_memory).unwrap();
        assert_eq!(limit.trim(), (48 << 20).to_string());
    }

    /// Limits by what they do: the kernel ends what wants more memory and makes no more processes.
    /// Gives back whether the engine heard of the first.
    pub(super) fn limits(&self) -> bool {
        let memory = ["--memory", "32m", "--memory-swap", "32m"];
        let words = [&["run", "--name", "eater"], &memory[..]].concat();
        let words = [&words[..], &[IMAGE, "tail", "/dev/zero"]].concat();
        assert_eq!(self.code(&words), 137);
        let was_heard = self.inspect("eater", "State.OOMKilled") == "true";
        self.ok(&["rm", "eater"]);
        let script = "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done 2>/dev/null; echo all";
        let words = [
            "run",
            "--rm",
            "--pids-limit",
            "4",
            IMAGE,
            "sh",
            "-c",
            script,
        ];
        let outcome = self.run(&words);
        assert!(!outcome.stdout.contains("all"), "{outcome:?}");
        was_heard
    }
}
