//! Names that are nobody's on the network, and what a container may do to the process that answers:
//! ask it ten thousand times, over TCP, or with nonsense.

use std::io::Write;
use std::process::{Child, Stdio};

use super::machine::{Machine, address, sleeper};
use super::names::{getent, servers};
use crate::harness::Wharf;

/// Where the machine's own resolver is.
const RESOLVER: &str = "192.0.2.53";

/// A resolver on a machine; it goes with the value.
struct Resolver(Child);

impl Resolver {
    /// Starts one that knows three names.
    fn start(machine: &Machine) -> Self {
        machine.ok("ip", &["addr", "add", "192.0.2.53/32", "dev", "lo"]);
        let mut dnsmasq = machine.command("dnsmasq");
        let long = "x".repeat(250);
        let texts: Vec<String> = (0..12)
            .map(|number| format!("--txt-record=long.example,{number}{long}"))
            .collect();
        dnsmasq.args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-hosts",
        ]);
        dnsmasq.args([
            "--no-resolv",
            "--bind-interfaces",
            "--pid-file",
            "--user=root",
        ]);
        dnsmasq.arg(format!("--listen-address={RESOLVER}"));
        dnsmasq.args(["--address=/known.example/198.51.100.7"]);
        dnsmasq.args(["--address=/known.example/2001:db8::7"]);
        dnsmasq.args(["--local=/example/"]).args(texts);
        let child = dnsmasq.stderr(Stdio::null()).spawn().unwrap();
        let resolver = Self(child);
        let server = format!("@{RESOLVER}");
        let ask = ["+short", "+time=1", "+tries=60", &server, "known.example"];
        assert_eq!(machine.ok("dig", &ask).trim_end(), "198.51.100.7");
        resolver
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What dig says in a container.
fn dig(wharf: &Wharf, from: &str, words: &[&str]) -> String {
    let dig = ["exec", from, "dig", "+short", "+time=20", "+tries=1"];
    wharf.ok(&[&dig[..], words].concat())
}

fn has_tools(machine: &Machine) -> bool {
    for program in ["dnsmasq", "dig"] {
        if machine.run("which", &[program]).code != 0 {
            println!("skipped: needs {program}");
            return false;
        }
    }
    true
}

#[test]
fn other_names_are_the_resolvers_to_answer() {
    let Some(machine) = Machine::new().filter(has_tools) else {
        return;
    };
    let wharf = machine.wharf();
    let _resolver = Resolver::start(&machine);
    wharf.ok(&["network", "create", "web"]);
    let flags = ["--network", "web", "--dns", RESOLVER];
    let more = ["--dns-search", "example", "--dns-option", "timeout:20"];
    sleeper(&wharf, "one", &[&flags[..], &more].concat());
    sleeper(&wharf, "two", &flags);
    assert_eq!(dig(&wharf, "one", &["known.example"]), "198.51.100.7");
    assert_eq!(
        dig(&wharf, "one", &["AAAA", "known.example"]),
        "2001:db8::7"
    );
    assert_eq!(
        dig(&wharf, "one", &["+tcp", "known.example"]),
        "198.51.100.7"
    );
    assert_eq!(getent(&wharf, "one", "ahostsv4", "known"), ["198.51.100.7"]);
    let config = wharf.ok(&["exec", "one", "cat", "/etc/resolv.conf"]);
    assert!(
        config.contains("search example") && config.contains("timeout:20"),
        "{config}"
    );
    let said = wharf.ok(&["exec", "one", "dig", "+tries=1", "unknown.example"]);
    assert!(said.contains("status: NXDOMAIN"), "{said}");
    // Too long for a datagram: dig is told so, and asks again over TCP.
    let texts = dig(&wharf, "one", &["TXT", "+bufsize=512", "long.example"]);
    assert_eq!(texts.lines().count(), 12, "{texts}");
    // Names of the network go before all others, over TCP too.
    let two = address(&wharf, "two", "web", "IPAddress");
    assert_eq!(dig(&wharf, "one", &["+tcp", "two"]), two);
    assert_eq!(dig(&wharf, "one", &["+tcp", "-x", &two]), "two.web.");
}

#[test]
fn each_of_ten_thousand_questions_is_answered() {
    let Some(machine) = Machine::new().filter(has_tools) else {
        return;
    };
    let wharf = machine.wharf();
    let _resolver = Resolver::start(&machine);
    wharf.ok(&["network", "create", "web"]);
    sleeper(&wharf, "one", &["--network", "web", "--dns", RESOLVER]);
    sleeper(&wharf, "two", &["--network", "web"]);
    let two = address(&wharf, "two", "web", "IPAddress");
    let ask = || {
        let half = "yes 'two\nknown.example' | head -n 2500 > /tmp/questions.$$; \
                    dig +short +time=5 +tries=12 -f /tmp/questions.$$";
        let answers = wharf.ok(&["exec", "one", "sh", "-c", half]);
        let count = |wanted: &str| answers.lines().filter(|line| *line == wanted).count();
        assert_eq!((count(&two), count("198.51.100.7")), (1250, 1250));
        answers.matches("timed out").count()
    };
    let asked_again: usize = std::thread::scope(|scope| {
        let hands = [(); 4].map(|()| scope.spawn(ask));
        hands.map(|hand| hand.join().unwrap()).iter().sum()
    });
    // Alone on a machine it is none. Where others make and remove networks at the same time, the
    // kernel loses a datagram now and then, and a resolver asks again.
    assert!(asked_again < 10, "{asked_again} questions were lost");
}

#[test]
fn nonsense_is_passed_over() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "web"]);
    sleeper(&wharf, "one", &["--network", "web"]);
    sleeper(&wharf, "two", &["--network", "web"]);
    let gateway = address(&wharf, "one", "web", "Gateway");
    let two = [address(&wharf, "two", "web", "IPAddress")];
    assert_eq!(getent(&wharf, "one", "ahostsv4", "two"), two);
    let before = servers(&wharf);
    // A question for two, as it is on the wire: whole, cut everywhere, and with nonsense behind it.
    let question = r"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03two\x00\x00\x01\x00\x01";
    let script = format!(
        "for n in $(seq 0 400); do head -c $((n * 7)) /dev/urandom > /dev/udp/{gateway}/53; done
         for n in $(seq 0 21); do printf '{question}' | head -c $n > /dev/udp/{gateway}/53; done
         for n in $(seq 0 50); do
             {{ printf '{question}'; head -c $n /dev/urandom; }} | cat > /dev/udp/{gateway}/53
             head -c $((n * 40)) /dev/urandom > /dev/tcp/{gateway}/53
         done
         true"
    );
    let mut bash = wharf.command();
    let mut bash = bash
        .args(["exec", "-i", "one", "bash"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    bash.stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(bash.wait().unwrap().success());
    assert_eq!(getent(&wharf, "one", "ahostsv4", "two"), two);
    assert_eq!(servers(&wharf), before);
    wharf.ok(&["system", "check"]);
}

#[test]
fn a_container_that_runs_asks_on_the_networks_it_has_now() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    for network in ["front", "back"] {
        wharf.ok(&["network", "create", network]);
    }
    sleeper(&wharf, "web", &["--network", "front"]);
    sleeper(&wharf, "db", &["--network", "back"]);
    let config = || wharf.ok(&["exec", "web", "cat", "/etc/resolv.conf"]);
    let gateway = |network| address(&wharf, "web", network, "Gateway");
    let front = gateway("front");
    assert!(config().contains(&front), "{}", config());
    wharf.ok(&["network", "connect", "back", "web"]);
    let db = [address(&wharf, "db", "back", "IPAddress")];
    assert_eq!(getent(&wharf, "web", "ahostsv4", "db"), db);
    wharf.ok(&["network", "disconnect", "front", "web"]);
    assert!(!config().contains(&front), "{}", config());
    assert_eq!(getent(&wharf, "web", "ahostsv4", "db"), db);
    // Whoever wrote a file of its own keeps it.
    let write = "echo nameserver 192.0.2.1 > /etc/resolv.conf";
    wharf.ok(&["exec", "web", "sh", "-c", write]);
    wharf.ok(&["network", "connect", "front", "web"]);
    assert_eq!(config(), "nameserver 192.0.2.1");
    // Nor does it hold up anybody who makes it of what is no text.
    let write = r"printf '\377' > /etc/resolv.conf";
    wharf.ok(&["exec", "web", "sh", "-c", write]);
    wharf.ok(&["network", "disconnect", "front", "web"]);
    wharf.ok(&["network", "connect", "front", "web"]);
    assert_eq!(
        getent(&wharf, "web", "ahostsv4", "db"),
        Vec::<String>::new()
    );
}
