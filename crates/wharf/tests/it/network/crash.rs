//! `kill -9` of whoever made or held a connection.

use std::process::{Command, Stdio};

use super::machine::{Machine, sleeper};
use crate::crash::monitor_of;
use rustix::process::{Signal, kill_process};

#[test]
fn a_lost_monitor_leaves_no_lease_and_no_link() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    let id = wharf.ok(&["network", "create", "--subnet", "10.20.0.0/30", "web"]);
    sleeper(&wharf, "one", &["--network", "web"]);
    kill_process(monitor_of(&wharf, "one"), Signal::KILL).unwrap();
    while wharf.inspect("one", "/State/Running") == true {}
    // The only address can be had again, whoever sweeps first.
    sleeper(&wharf, "two", &["--network", "web"]);
    wharf.ok(&["rm", "-f", "two"]);
    let leases = wharf.entries(&format!("run/networks/{id}"));
    assert!(!leases.contains(&"10.20.0.2".to_owned()), "{leases:?}");
}

#[test]
fn a_start_that_is_killed_anywhere_leaves_nothing() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: needs strace");
        return;
    }
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "--subnet", "10.20.0.0/30", "web"]);
    // The n-th link is a lease, the n-th message to netlink something of a connection.
    for call in ["symlinkat", "sendto"] {
        for when in 1..6 {
            let inject = format!("--inject={call}:signal=KILL:when={when}");
            let wharf_words = wharf.command();
            let words = wharf_words.get_args();
            let mut command = Command::new("strace");
            command
                .args(["-f", "-qq", "-o", "/dev/null", &inject, "nsenter"])
                .args(words);
            command.args(["run", "--rm", "--network", "web", "host", "true"]);
            let command = command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut traced = command.spawn().unwrap();
            // While something is left of the start, somebody answers for names, and is traced too.
            while traced.try_wait().unwrap().is_none() {
                wharf.ok(&["ps", "-q"]);
            }
            // There is only one address.
            wharf.ok(&["run", "--rm", "--network", "web", "host", "true"]);
        }
    }
}
