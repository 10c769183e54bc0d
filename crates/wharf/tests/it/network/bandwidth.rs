//! Bandwidth: what iperf3 measures beside what was asked for, and what stays behind.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::machine::{Machine, address, sleeper};
use crate::harness::Wharf;

/// Of a full frame of Ethernet, 1514 bytes, TCP carries this many.
const CARRIED: f64 = 1448.0;
const FRAME: f64 = 1514.0;

/// Runs a container that answers iperf3, with further flags; gives back its address.
fn server(wharf: &Wharf, flags: &[&str]) -> String {
    let words = ["run", "-d", "--name", "box", "--network", "web"];
    wharf.ok(&[&words[..], flags, &["host", "iperf3", "-s"]].concat());
    // Port 5201 in hexadecimal, in the state of who listens.
    let listens = "until grep -q ':1451 .* 0A ' /proc/net/tcp /proc/net/tcp6; do :; done";
    wharf.ok(&["exec", "box", "sh", "-c", listens]);
    address(wharf, "box", "web", "IPAddress")
}

/// Megabits of frames in a second between the machine and a container, which receives, or sends.
fn measured(machine: &Machine, address: &str, sends: bool) -> f64 {
    let words = ["-J", "-t", "3", "-O", "1", "-c", address];
    let reverse = if sends { &["-R"][..] } else { &[] };
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = machine
            .run("iperf3", &[&words[..], reverse].concat())
            .stdout;
        let report: Value = serde_json::from_str(&text).unwrap();
        let bits = report.pointer("/end/sum_received/bits_per_second");
        if let Some(bits) = bits.and_then(Value::as_f64) {
            return bits / 1e6 * FRAME / CARRIED;
        }
        // The server may still be ending the measurement before.
        assert!(Instant::now() < deadline, "{text}");
    }
}

/// Whether a rate is kept to within five hundredths. A machine that is busy may be slower for a
/// while, but never faster.
fn keeps_to(machine: &Machine, address: &str, sends: bool, rate: f64) {
    let mut seen = Vec::new();
    for _ in 0..4 {
        let rate_now = measured(machine, address, sends);
        assert!(
            rate_now < rate * 1.05,
            "{rate_now} of {rate}, sends: {sends}"
        );
        if rate_now > rate * 0.95 {
            return;
        }
        seen.push(rate_now);
    }
    panic!("never near {rate}, sends: {sends}: {seen:?}");
}

#[test]
fn rates_are_kept_to_and_changed() {
    if Command::new("iperf3").arg("-v").output().is_err() {
        println!("skipped: needs iperf3");
        return;
    }
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "web"]);
    let box_address = server(&wharf, &["--network-rate", "20mbit"]);
    keeps_to(&machine, &box_address, false, 20.0);
    keeps_to(&machine, &box_address, true, 20.0);
    let stats = wharf.ok(&["stats", "--no-stream"]);
    assert!(
        stats.contains("NET LIMIT") && stats.contains("20mbit / 20mbit"),
        "{stats}"
    );
    let tree = wharf.ok(&["explain", "box"]);
    assert!(tree.contains("receives at most 20mbit"), "{tree}");
    wharf.ok(&[
        "update",
        "--network-rate-in",
        "100mbit",
        "--network-rate-out",
        "40mbit",
        "box",
    ]);
    assert_eq!(wharf.inspect("box", "/HostConfig/NetworkRateIn"), "100mbit");
    keeps_to(&machine, &box_address, false, 100.0);
    keeps_to(&machine, &box_address, true, 40.0);
    // Started again it is as it was last.
    wharf.ok(&["stop", "-t", "0", "box"]);
    until_none(&machine);
    wharf.ok(&["update", "--network-rate-in", "unlimited", "box"]);
    wharf.ok(&["start", "box"]);
    keeps_to(
        &machine,
        &address(&wharf, "box", "web", "IPAddress"),
        true,
        40.0,
    );
    wharf.ok(&["update", "--network-rate", "unlimited", "box"]);
    until_none(&machine);
    assert!(!machine.ok("tc", &["qdisc"]).contains("tbf"));
    let now = address(&wharf, "box", "web", "IPAddress");
    assert!(measured(&machine, &now, true) > 100.0);
}

/// The devices through which containers of the machine send.
fn shapers(machine: &Machine) -> Vec<String> {
    let links = machine.ok("ip", &["-o", "link", "show", "type", "ifb"]);
    links.lines().map(str::to_owned).collect()
}

/// Waits until there are none: a command is over before all that a container held is released.
fn until_none(machine: &Machine) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !shapers(machine).is_empty() {
        assert!(Instant::now() < deadline, "{:?}", shapers(machine));
    }
}

#[test]
fn nothing_of_a_rate_stays_behind() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    for name in ["web", "back"] {
        wharf.ok(&["network", "create", name]);
    }
    let rates = ["--network-rate-out", "1mbit:8k", "--network", "web"];
    wharf.ok(&[&["run", "--rm"][..], &rates, &["host", "true"]].concat());
    until_none(&machine);
    sleeper(&wharf, "box", &rates);
    assert_eq!(shapers(&machine).len(), 1);
    // A network that comes later has the rates too.
    wharf.ok(&["network", "connect", "back", "box"]);
    assert_eq!(shapers(&machine).len(), 2);
    wharf.ok(&["network", "disconnect", "web", "box"]);
    assert_eq!(shapers(&machine).len(), 1);
    wharf.ok(&["rm", "-f", "box"]);
    until_none(&machine);
    // Nobody is left to clear up when monitor and container are killed.
    sleeper(&wharf, "lost", &rates);
    let explained = wharf.ok(&["explain", "--format", "json", "lost"]);
    let explained: Value = serde_json::from_str(&explained).unwrap();
    let monitor = explained.pointer("/Monitor/Pid").unwrap();
    let pid = wharf.inspect("lost", "/State/Pid");
    machine.ok("kill", &["-9", &monitor.to_string(), &pid.to_string()]);
    wharf.ok(&["rm", "-f", "lost"]);
    until_none(&machine);
}

#[test]
fn a_rate_needs_a_network_and_sense() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "web"]);
    for (flags, why) in [
        (["--network-rate", "10m"], "\"10m\" is no rate"),
        (
            ["--network-rate-in", "1kbit"],
            "is not within 8kbit and 1tbit",
        ),
        (
            ["--network-rate-out", "1mbit:1"],
            "is not within 1600b and 1024m",
        ),
    ] {
        let words = [
            &["run", "--rm", "--network", "web"][..],
            &flags,
            &["host", "true"],
        ];
        let (code, said) = wharf.fails(&words.concat());
        assert!(code == 125 && said.contains(why), "{code}: {said}");
    }
    for network in ["none", "host"] {
        let words = [
            "run",
            "--rm",
            "--network",
            network,
            "--network-rate",
            "1mbit",
        ];
        let (_, said) = wharf.fails(&[&words[..], &["host", "true"]].concat());
        assert!(
            said.contains(&format!(
                "no rate can be kept to with the network {network}"
            )),
            "{said}"
        );
    }
    sleeper(&wharf, "box", &["--network", "none"]);
    let (_, said) = wharf.fails(&["update", "--network-rate", "1mbit", "box"]);
    assert!(
        said.contains("container box has no network of its own"),
        "{said}"
    );
}
