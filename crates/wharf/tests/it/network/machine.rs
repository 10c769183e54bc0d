//! A machine with a network of its own: a network namespace that a sleeping process holds.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sha2::Digest as _;

use crate::harness::{Outcome, Wharf, is_root};

/// The machine; its namespace goes with it.
pub(super) struct Machine {
    holder: Child,
}

impl Machine {
    /// Makes one, with `lo` up; `None`, which is said, when the caller may not.
    pub(super) fn new() -> Option<Self> {
        if !is_root() {
            return None;
        }
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sh", "-c", "echo made; exec sleep infinity"]);
        let mut holder = holder.stdout(Stdio::piped()).spawn().unwrap();
        // The namespace is there as soon as the first line is.
        let mut line = String::new();
        let stdout = holder.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        let machine = Self { holder };
        machine.ok("ip", &["link", "set", "lo", "up"]);
        Some(machine)
    }

    /// An installation on it. It must go before the machine does.
    pub(super) fn wharf(&self) -> Wharf {
        Wharf::in_network(self.namespace())
    }

    /// Its network namespace.
    pub(super) fn namespace(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.holder.id()).into()
    }

    /// A program on it, ready to be run.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace().display()));
        command.arg("--").arg(program);
        command
    }

    /// Runs a program on it.
    pub(super) fn run(&self, program: &str, words: &[&str]) -> Outcome {
        self.command(program).args(words).output().unwrap().into()
    }

    /// Runs a program on it that must succeed; gives back its output.
    pub(super) fn ok(&self, program: &str, words: &[&str]) -> String {
        let outcome = self.run(program, words);
        assert_eq!(outcome.code, 0, "{program} {words:?}: {outcome:?}");
        outcome.stdout
    }

    /// The firewall's table of an installation on it, without its counters.
    pub(super) fn table_of(&self, wharf: &Wharf) -> String {
        self.ok("nft", &["-s", "list", "table", "inet", &table_name(wharf)])
    }

    /// Does something that makes sockets, on a thread that is on this machine.
    pub(super) fn within<T: Send>(&self, make: impl FnOnce() -> T + Send) -> T {
        let namespace = std::fs::File::open(self.namespace()).unwrap();
        let there = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).unwrap();
            make()
        };
        std::thread::scope(|scope| scope.spawn(there).join().unwrap())
    }

    /// Whether an address answers.
    pub(super) fn reaches(&self, address: &str) -> bool {
        self.run("busybox", &["ping", "-c1", "-W20", address]).code == 0
    }
}

impl Machine {
    /// Lays a wire to another machine: this one is 192.0.2.1 and 2001:db8::1, the other one 2.
    pub(super) fn wire(&self, other: &Machine) {
        let peer = other.holder.id().to_string();
        let wire = [
            "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", &peer,
        ];
        self.ok("ip", &wire);
        for (machine, number) in [(self, 1), (other, 2)] {
            let (v4, v6) = (
                format!("192.0.2.{number}/24"),
                format!("2001:db8::{number}/64"),
            );
            machine.ok("ip", &["addr", "add", &v4, "dev", "wire"]);
            machine.ok("ip", &["addr", "add", &v6, "dev", "wire", "nodad"]);
            machine.ok("ip", &["link", "set", "wire", "up"]);
        }
    }

    /// What a TCP port says to whoever connects; nothing when it is shut.
    pub(super) fn hears(&self, address: &str, port: &str) -> String {
        let connect = ["timeout", "20", "busybox", "nc", address, port];
        let mut command = self.command("busybox");
        let outcome: Outcome = command
            .args(connect)
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .into();
        outcome.stdout
    }

    /// Whether a TCP port is shut: refused, or nothing comes of it.
    pub(super) fn is_shut(&self, address: &str, port: &str) -> bool {
        let connect = ["timeout", "2", "busybox", "nc", address, port];
        let mut command = self.command("busybox");
        let outcome: Outcome = command
            .args(connect)
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .into();
        outcome.code != 0 && outcome.stdout.is_empty()
    }
}

/// What the firewall's table of an installation is called.
pub(super) fn table_name(wharf: &Wharf) -> String {
    let run = wharf.path("run");
    let digest = sha2::Sha256::digest(run.as_os_str().as_encoded_bytes());
    let digits: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("wharf-{digits}")
}

/// Runs a container in the background that says hello on its port 80, with further flags. It is
/// there for whoever connects when this returns.
pub(super) fn greeter(wharf: &Wharf, name: &str, flags: &[&str]) {
    let words = ["run", "-d", "--name", name];
    let serve = [
        "host", "busybox", "nc", "-ll", "-p", "80", "-e", "echo", "hello",
    ];
    wharf.ok(&[&words[..], flags, &serve].concat());
    // Port 80 in hexadecimal, in the state of who listens.
    let listens = "until grep -q ':0050 .* 0A ' /proc/net/tcp /proc/net/tcp6; do :; done";
    wharf.ok(&["exec", name, "sh", "-c", listens]);
}

/// What a container hears on a TCP port.
pub(super) fn hears(wharf: &Wharf, from: &str, address: &str, port: &str) -> String {
    let connect = ["timeout", "20", "busybox", "nc", address, port];
    wharf
        .run(&[&["exec", from, "busybox"][..], &connect].concat())
        .stdout
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Whether an address answers a container.
pub(super) fn reaches(wharf: &Wharf, from: &str, address: &str) -> bool {
    wharf
        .run(&["exec", from, "busybox", "ping", "-c1", "-W20", address])
        .code
        == 0
}

/// Whether an address does not answer a container; what does, does so at once.
pub(super) fn is_shut(wharf: &Wharf, from: &str, address: &str) -> bool {
    let ping = ["busybox", "ping", "-c2", "-W2", address];
    wharf.run(&[&["exec", from][..], &ping].concat()).code == 1
}

/// The address of a container in a network, by the key of `inspect`.
pub(super) fn address(wharf: &Wharf, name: &str, network: &str, key: &str) -> String {
    let pointer = format!("/NetworkSettings/Networks/{network}/{key}");
    wharf.inspect(name, &pointer).as_str().unwrap().to_owned()
}

/// Runs a container in the background that sleeps, with further flags.
pub(super) fn sleeper(wharf: &Wharf, name: &str, flags: &[&str]) {
    let words = ["run", "-d", "--name", name];
    let words = [&words[..], flags, &["host", "sleep", "1000"]].concat();
    wharf.ok(&words);
}
