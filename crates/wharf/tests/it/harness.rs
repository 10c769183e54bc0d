//! An installation of wharf in a temporary directory, and what is left of it in the end.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// An installation.
pub(crate) struct Wharf {
    root: tempfile::TempDir,
    /// Whom the program runs as; the caller without.
    user: Option<u32>,
    /// The network namespace that is its machine's; the caller's without.
    network: Option<PathBuf>,
}

/// How a command went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Whether the caller may do what the test needs; says so when not.
pub(crate) fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped: needs root");
    }
    is_root
}

/// The program under test. `cargo xtask test` names a copy that an ordinary user reaches wherever
/// the checkout is.
pub(crate) fn program() -> PathBuf {
    let named = std::env::var_os("WHARF_TEST_BINARY");
    named.map_or_else(|| env!("CARGO_BIN_EXE_wharf").into(), PathBuf::from)
}

impl Wharf {
    pub(crate) fn new() -> Self {
        Self::with_user(None)
    }

    fn with_user(user: Option<u32>) -> Self {
        let mut builder = tempfile::Builder::new();
        Self {
            root: builder.prefix("wharf-test-").tempdir().unwrap(),
            user,
            network: None,
        }
    }

    /// An installation on a machine with this network.
    pub(crate) fn in_network(namespace: PathBuf) -> Self {
        let mut wharf = Self::new();
        wharf.network = Some(namespace);
        wharf
    }

    /// An installation of an ordinary user, who needs a copy of the program where it can be read.
    pub(crate) fn of_user(user: u32) -> Self {
        let wharf = Self::with_user(Some(user));
        // By a process of its own: a file that is open for writing in ours may be inherited by what
        // another test just starts, and cannot be executed meanwhile.
        let mut copy = Command::new("cp");
        copy.arg(program()).arg(wharf.path("wharf"));
        assert!(copy.status().unwrap().success());
        std::os::unix::fs::chown(wharf.path(""), Some(user), Some(user)).unwrap();
        wharf
    }

    /// Gives a directory of the installation, with everything in it, to its user.
    pub(crate) fn give_away(&self, directory: &str) {
        let mut paths = vec![self.path(directory)];
        while let Some(path) = paths.pop() {
            std::os::unix::fs::lchown(&path, self.user, self.user).unwrap();
            if path.symlink_metadata().unwrap().is_dir() {
                let entries = std::fs::read_dir(&path).unwrap();
                paths.extend(entries.map(|entry| entry.unwrap().path()));
            }
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The program with global options, ready for a verb.
    pub(crate) fn command(&self) -> Command {
        let mut command = match (self.user, &self.network) {
            (None, None) => Command::new(program()),
            (None, Some(namespace)) => {
                let mut command = Command::new("nsenter");
                let namespace = namespace.display();
                command
                    .arg(format!("--net={namespace}"))
                    .arg("--")
                    .arg(program());
                command
            }
            (Some(user), _) => {
                let mut command = Command::new(self.path("wharf"));
                command.uid(user).gid(user);
                command
            }
        };
        command.arg("--data-root").arg(self.path("data"));
        command.arg("--run-root").arg(self.path("run"));
        command.current_dir("/");
        command
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        self.run_with_input(words, "")
    }

    /// Runs a verb with something on its standard input.
    pub(crate) fn run_with_input(&self, words: &[&str], input: &str) -> Outcome {
        let mut child = self
            .command()
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// Runs a verb that must succeed; gives back its output without the last line feed.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let outcome = self.run(words);
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome.stdout.trim_end_matches('\n').to_owned()
    }

    /// Runs a verb that must fail; gives back its code and its words.
    pub(crate) fn fails(&self, words: &[&str]) -> (i32, String) {
        let outcome = self.run(words);
        assert_ne!(outcome.code, 0, "{words:?}: {outcome:?}");
        (outcome.code, without_warnings(&outcome.stderr))
    }

    /// Starts a container that sleeps, in the background.
    pub(crate) fn sleeper(&self, name: &str) -> String {
        self.ok(&["run", "-d", "--name", name, "host", "sleep", "1000"])
    }

    /// A value of `inspect`, by its JSON pointer.
    pub(crate) fn inspect(&self, name: &str, pointer: &str) -> serde_json::Value {
        let text = self.ok(&["inspect", name]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value[0]
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer} in {text}"))
            .clone()
    }

    /// The entries of a directory of the installation.
    pub(crate) fn entries(&self, directory: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(directory)) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != ".lock").collect()
    }

    /// Whoever is in charge of a container that ended has its lock. When it is free, either it is
    /// removed, or the next command removes it.
    fn wait_for_sweepers(&self) {
        for _ in 0..100 {
            let ids = self.entries("run/containers");
            if ids.is_empty() {
                return;
            }
            for id in ids {
                let lock = self.path("run/containers").join(&id).join("lock");
                let _ = std::fs::File::open(lock).and_then(|lock| lock.lock());
            }
            self.ok(&["ps", "-aq"]);
        }
    }

    /// Removes all containers, and makes sure that nothing is left of any.
    pub(crate) fn assert_nothing_left(&self) {
        for id in self.ok(&["ps", "-aq", "--no-trunc"]).lines() {
            self.run(&["rm", "-f", id]);
        }
        self.wait_for_sweepers();
        for directory in ["run/containers", "run/ids", "data/containers", "data/names"] {
            assert_eq!(self.entries(directory), [""; 0], "{directory}");
        }
        for network in self.entries("run/networks") {
            let mut leases = self.entries(&format!("run/networks/{network}"));
            leases.retain(|lease| lease.parse::<std::net::IpAddr>().is_ok());
            assert_eq!(leases, [""; 0], "leases of {network}");
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let root = self.root.path().to_str().unwrap();
        assert!(!mounts.contains(root), "a mount is left");
    }
}

impl Drop for Wharf {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_nothing_left();
            return;
        }
        // What is wrong was said; only the machine must be left clean.
        let ids = self.run(&["ps", "-aq", "--no-trunc"]).stdout;
        for id in ids.lines() {
            self.run(&["rm", "-f", id]);
        }
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// What was said beside warnings, which depend on the machine's limits.
pub(crate) fn without_warnings(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("wharf: warning: "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every cgroup below any hierarchy whose name holds the id.
pub(crate) fn cgroups_of(id: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(Path::new("/sys/fs/cgroup"), 2, id, &mut found);
    found
}

fn collect(directory: &Path, depth: u32, id: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name().to_string_lossy().contains(id) {
            found.push(entry.path());
        }
        if depth > 1 {
            collect(&entry.path(), depth - 1, id, found);
        }
    }
}
