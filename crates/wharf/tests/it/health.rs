//! Looks over the network: what they find, that they cost no process, and that nothing a container
//! does holds its monitor up.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Wharf;

/// Asks again and again until it is so, for at most a minute.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
    }
}

/// Runs a container that is looked at every twenty milliseconds.
fn run(wharf: &Wharf, name: &str, flags: &[&str], program: &[&str]) {
    let first = ["run", "-d", "--name", name, "--network", "none"];
    let times = ["--health-interval", "20ms", "--health-retries", "1"];
    wharf.ok(&[&first[..], &times, flags, &["host", "busybox"], program].concat());
}

fn becomes(wharf: &Wharf, name: &str, health: &str) {
    until(&format!("{name} to be {health}"), || {
        wharf.inspect(name, "/State/Health/Status") == health
    });
}

/// Waits for one look more whose words hold this.
fn says(wharf: &Wharf, name: &str, words: &str) {
    until(&format!("{name} to say {words:?}"), || {
        let log = wharf.inspect(name, "/State/Health/Log").to_string();
        log.contains(words)
    });
}

fn monitor(wharf: &Wharf, name: &str) -> i64 {
    let text = wharf.ok(&["explain", "--format", "json", name]);
    let explained: Value = serde_json::from_str(&text).unwrap();
    explained.pointer("/Monitor/Pid").unwrap().as_i64().unwrap()
}

/// Page faults of all children that a process has waited for: each child has some.
fn faults_of_children(pid: i64) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(8).unwrap().to_owned()
}

/// Waits until so many looks more are over: of the five that are kept the last is another one.
fn looks(wharf: &Wharf, name: &str, count: usize) {
    let last = || wharf.inspect(name, "/State/Health/Log/0/Start");
    for _ in 0..count {
        let before = last();
        until("a look", || last() != before);
    }
}

#[test]
fn a_port_and_an_address_are_looked_at_without_a_process() {
    let wharf = Wharf::new();
    let serve = ["httpd", "-f", "-p", "8000", "-h", "/etc"];
    run(&wharf, "tcp", &["--health-tcp", "8000"], &serve);
    run(
        &wharf,
        "http",
        &["--health-http", "localhost:8000/hostname"],
        &serve,
    );
    run(
        &wharf,
        "none",
        &["--health-http", "8000/nothing-here"],
        &serve,
    );
    run(&wharf, "shut", &["--health-tcp", "127.0.0.1:81"], &serve);
    run(
        &wharf,
        "file",
        &["--health-file", "/etc/hostname"],
        &["sleep", "1000"],
    );
    for (name, health) in [
        ("tcp", "healthy"),
        ("http", "healthy"),
        ("none", "unhealthy"),
        ("shut", "unhealthy"),
        ("file", "healthy"),
    ] {
        becomes(&wharf, name, health);
    }
    says(&wharf, "http", "200 OK");
    says(&wharf, "none", "404 Not Found");
    says(&wharf, "shut", "Connection refused");
    for name in ["tcp", "http", "none", "shut", "file"] {
        let pid = monitor(&wharf, name);
        let fds = || {
            std::fs::read_dir(format!("/proc/{pid}/fd"))
                .unwrap()
                .count()
        };
        looks(&wharf, name, 1);
        let before = (faults_of_children(pid), fds());
        looks(&wharf, name, 5);
        let after = (faults_of_children(pid), fds());
        assert_eq!(before.0, after.0, "{name} had children");
        // A file is open for a moment.
        assert!(after.1 <= before.1 + 1, "{name}: {before:?} {after:?}");
    }
}

#[test]
fn a_server_that_comes_later_or_speaks_ipv6_is_found() {
    let wharf = Wharf::new();
    let waits = ["sleep", "1000"];
    run(&wharf, "later", &["--health-http", "8000/"], &waits);
    becomes(&wharf, "later", "unhealthy");
    says(&wharf, "later", "Connection refused");
    wharf.ok(&[
        "exec", "later", "busybox", "httpd", "-p", "8000", "-h", "/etc",
    ]);
    // There is no index, and a server all the same.
    says(&wharf, "later", "404 Not Found");
    if !std::path::Path::new("/proc/net/if_inet6").exists() {
        println!("skipped: the part with IPv6, which this kernel has not");
        return;
    }
    let serve = ["httpd", "-f", "-p", "[::1]:8000", "-h", "/etc"];
    run(&wharf, "six", &["--health-tcp", "8000"], &serve);
    becomes(&wharf, "six", "healthy");
}

#[test]
fn whoever_is_silent_or_never_ends_holds_nobody_up() {
    let wharf = Wharf::new();
    let patience = ["--health-timeout", "100ms", "--health-http", "8000"];
    let silent = ["nc", "-ll", "-p", "8000", "-e", "sleep", "1000"];
    run(&wharf, "silent", &patience, &silent);
    becomes(&wharf, "silent", "unhealthy");
    says(&wharf, "silent", "Health check exceeded timeout (100ms)");
    // One byte at a time, and never a line.
    let drip = "while printf x; do busybox usleep 10000; done";
    run(
        &wharf,
        "drip",
        &patience,
        &["nc", "-ll", "-p", "8000", "-e", "sh", "-c", drip],
    );
    says(&wharf, "drip", "Health check exceeded timeout (100ms)");
    let flood = ["nc", "-ll", "-p", "8000", "-e", "yes", "SSH-2.0 204"];
    run(&wharf, "flood", &["--health-http", "8000"], &flood);
    says(&wharf, "flood", "does not speak HTTP");
    for name in ["silent", "drip", "flood"] {
        assert_eq!(wharf.ok(&["exec", name, "echo", "here"]), "here");
    }
}

#[test]
fn an_address_that_makes_no_sense_changes_nothing() {
    let wharf = Wharf::new();
    for (flag, address) in [
        ("--health-tcp", "box:80"),
        ("--health-tcp", "localhost"),
        ("--health-tcp", "0"),
        ("--health-http", "http://box/well"),
        ("--health-http", "8000/a b"),
    ] {
        let (code, said) = wharf.fails(&["run", "--name", "odd", flag, address, "host", "true"]);
        assert_eq!(code, 125, "{said}");
        assert!(said.contains("health"), "{said}");
    }
    assert_eq!(wharf.ok(&["ps", "-aq"]), "");
}
