//! Names of containers: who finds whom, at which process, and what becomes of other names.

use std::time::{Duration, Instant};

use super::machine::{Machine, address, sleeper};
use crate::harness::Wharf;

/// What a container finds for a name; one of `ahostsv4`, `ahostsv6` and `hosts`.
pub(super) fn getent(wharf: &Wharf, from: &str, database: &str, key: &str) -> Vec<String> {
    let words = ["exec", from, "getent", database, key];
    let outcome = wharf.run(&words);
    let lines = outcome.stdout.lines().filter(|line| !line.is_empty());
    let mut found: Vec<String> = lines
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            match database {
                "hosts" => words.nth(1),
                _ => words.next(),
            }
        })
        .map(Option::unwrap_or_default)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::yield_now();
    }
}

/// The processes that answer for names on a machine.
pub(super) fn servers(wharf: &Wharf) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let run = wharf.path("run").display().to_string();
    let is_server = |pid: &i32| {
        let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = words.split('\0').skip(1);
        words.next() == Some("__names") && words.nth(1) == Some(&run)
    };
    pids.filter(is_server).collect()
}

#[test]
fn containers_find_each_other_by_name_alias_and_short_id() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "--ipv6", "web"]);
    sleeper(&wharf, "one", &["--network", "web"]);
    let with_alias = ["--network", "web", "--network-alias", "www"];
    sleeper(&wharf, "Two", &with_alias);
    let short = wharf.inspect("Two", "/Id").as_str().unwrap()[..12].to_owned();
    let (four, six) = (
        address(&wharf, "Two", "web", "IPAddress"),
        address(&wharf, "Two", "web", "GlobalIPv6Address"),
    );
    for name in ["Two", "two", "www", &short, "two.web", "www.web"] {
        assert_eq!(
            getent(&wharf, "one", "ahostsv4", name),
            [four.as_str()],
            "{name}"
        );
        assert_eq!(
            getent(&wharf, "one", "ahostsv6", name),
            [six.as_str()],
            "{name}"
        );
    }
    for address in [&four, &six] {
        assert_eq!(
            getent(&wharf, "one", "hosts", address),
            ["Two.web"],
            "{address}"
        );
    }
    // Another name and another end are heard of at once.
    wharf.ok(&["rename", "Two", "three"]);
    assert_eq!(getent(&wharf, "one", "ahostsv4", "three"), [four.as_str()]);
    sleeper(&wharf, "four", &with_alias);
    let fourth = address(&wharf, "four", "web", "IPAddress");
    let mut both = [four, fourth.clone()];
    both.sort();
    assert_eq!(getent(&wharf, "one", "ahostsv4", "www"), both);
    wharf.ok(&["rm", "-f", "three"]);
    until("a name that goes", || {
        getent(&wharf, "one", "ahostsv4", "three").is_empty()
    });
    assert_eq!(getent(&wharf, "one", "ahostsv4", "www"), [fourth]);
    wharf.ok(&["rm", "-f", "four", "one"]);
    until("a server without members", || servers(&wharf).is_empty());
}

#[test]
fn names_are_those_of_the_askers_networks_alone() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    for name in ["front", "back"] {
        wharf.ok(&["network", "create", name]);
    }
    sleeper(&wharf, "web", &["--network", "front", "--network", "back"]);
    sleeper(&wharf, "proxy", &["--network", "front"]);
    sleeper(&wharf, "db", &["--network", "back"]);
    let at = |name, network| vec![address(&wharf, name, network, "IPAddress")];
    assert_eq!(getent(&wharf, "web", "ahostsv4", "db"), at("db", "back"));
    assert_eq!(
        getent(&wharf, "web", "ahostsv4", "proxy"),
        at("proxy", "front")
    );
    assert_eq!(
        getent(&wharf, "proxy", "ahostsv4", "web"),
        at("web", "front")
    );
    assert_eq!(getent(&wharf, "db", "ahostsv4", "web"), at("web", "back"));
    assert!(getent(&wharf, "db", "ahostsv4", "proxy").is_empty());
    // A container that comes to a network while it runs.
    wharf.ok(&[
        "network",
        "connect",
        "--alias",
        "front-end",
        "back",
        "proxy",
    ]);
    assert_eq!(
        getent(&wharf, "db", "ahostsv4", "front-end"),
        at("proxy", "back")
    );
    assert_eq!(getent(&wharf, "proxy", "ahostsv4", "db"), at("db", "back"));
    // Whoever is in another network gets no answer at all.
    let other = address(&wharf, "web", "front", "Gateway");
    let server = format!("@{other}");
    let dig = [
        "exec", "db", "dig", "+time=1", "+tries=1", "+short", &server, "proxy",
    ];
    assert_ne!(wharf.run(&dig).code, 0);
    let outcome = machine.run("dig", &["+time=1", "+tries=1", "+short", &server, "proxy"]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn a_server_that_was_killed_is_back_with_the_next_command() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    sleeper(&wharf, "one", &["--network", "bridge"]);
    sleeper(&wharf, "two", &["--network", "bridge"]);
    let two = [address(&wharf, "two", "bridge", "IPAddress")];
    for _ in 0..3 {
        let [server] = servers(&wharf)[..] else {
            panic!("one server: {:?}", servers(&wharf));
        };
        let pid = rustix::process::Pid::from_raw(server).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        // Its command line is gone before its lock is.
        let status = format!("/proc/{server}/status");
        until("the end of a process", || {
            std::fs::read_to_string(&status).map_or(true, |status| status.contains("State:\tZ"))
        });
        assert_eq!(getent(&wharf, "one", "ahostsv4", "two"), two);
    }
    // It has no rights left.
    let [server] = servers(&wharf)[..] else {
        panic!("one server: {:?}", servers(&wharf));
    };
    let status = std::fs::read_to_string(format!("/proc/{server}/status")).unwrap();
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line} in {status}");
    }
    wharf.ok(&["rm", "-f", "one", "two"]);
    until("a server without members", || servers(&wharf).is_empty());
}
