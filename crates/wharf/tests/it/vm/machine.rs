//! Whether this is the machine, and who is who in it.

use std::path::PathBuf;
use std::process::Command;

use crate::bundle::Bundle;
use crate::harness::Outcome;

/// Whether the runner says that this is its machine; says so when not.
pub(super) fn is_here() -> bool {
    is_in("v2")
}

/// The same for the machine with cgroups of this kind.
pub(super) fn is_in(kind: &str) -> bool {
    let is_here = std::env::var("WHARF_TEST_MACHINE").is_ok_and(|machine| machine == kind);
    if !is_here {
        println!(
            "skipped: needs the machine with cgroup {kind} and systemd (cargo xtask vm --test)"
        );
    }
    is_here
}

/// The directory of a process's cgroup.
pub(super) fn cgroup_of(pid: &serde_json::Value) -> PathBuf {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = text.trim().strip_prefix("0::/").unwrap();
    PathBuf::from("/sys/fs/cgroup").join(path)
}

/// A value of a running container's cgroup.
pub(super) fn value(bundle: &Bundle, file: &str) -> String {
    let file = cgroup_of(&bundle.state("pid")).join(file);
    let text = std::fs::read_to_string(&file);
    text.unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        .trim()
        .to_owned()
}

/// A number in a file with a name before each.
pub(super) fn count(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let (_, number) = lines.find(|(word, _)| *word == name).unwrap();
    number.parse().unwrap()
}

/// Creates and starts the bundle's container with these options before the verb.
pub(super) fn start(bundle: &Bundle, options: &[&str]) {
    let mut create = bundle.command();
    create.args(options).args(bundle.words(&["create", "box"]));
    let null = std::process::Stdio::null;
    let errors = bundle.path("errors");
    create.stdin(null()).stdout(null());
    create.stderr(std::fs::File::create(&errors).unwrap());
    let created = create.status().unwrap().success();
    assert!(created, "{}", std::fs::read_to_string(errors).unwrap());
    bundle.ok(&["start", "box"]);
}

/// Runs a program to its end; it must succeed.
pub(super) fn execute(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let outcome = Outcome::from(output);
    assert_eq!(outcome.code, 0, "{program} {arguments:?}: {outcome:?}");
    outcome.stdout.trim_end().to_owned()
}

/// A property of a unit.
pub(super) fn property(unit: &str, name: &str) -> String {
    execute("systemctl", &["show", "--value", "-p", name, unit])
}

/// Two users of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    /// Has a systemd of its own, and cgroups with it.
    Tester,
    /// Has neither.
    Guest,
}

/// How a user comes to run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// As a service of its systemd, in a cgroup of its own.
    Service,
    /// From a session that another cgroup belongs to.
    Session,
}

impl User {
    /// A command of the user's, with the program under test as its first word.
    pub(super) fn command(self, from: From) -> Command {
        let name = match self {
            User::Tester => "tester",
            User::Guest => "guest",
        };
        let program = std::env::var("WHARF_TEST_BINARY").unwrap();
        let mut command = match from {
            From::Service => {
                let mut command = Command::new("systemd-run");
                command.args(["--quiet", "--user", "--pipe", "--wait", "--collect"]);
                command
                    .arg(format!("--machine={name}@.host"))
                    .arg("--property=Delegate=yes");
                command
            }
            From::Session => {
                let mut command = Command::new("runuser");
                command.args(["-u", name, "--", "env", "--chdir=/"]);
                if self == User::Tester {
                    command.arg("XDG_RUNTIME_DIR=/run/user/1000");
                }
                command
            }
        };
        command.arg(program);
        command
    }

    /// Runs wharf as the user.
    pub(super) fn wharf(self, from: From, words: &[&str]) -> Outcome {
        let mut command = self.command(from);
        command.args(words).stdin(std::process::Stdio::null());
        command.output().unwrap().into()
    }
}
