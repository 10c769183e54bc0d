//! What cannot be is refused, and leaves nothing.

use super::machine::{Machine, sleeper};
use crate::harness::Wharf;

#[test]
fn a_network_that_cannot_be_is_refused() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    machine.ok("ip", &["route", "add", "blackhole", "10.40.0.0/16"]);
    wharf.ok(&["network", "create", "--subnet", "10.20.0.0/24", "web"]);
    let cases = [
        (&["web"][..], "network web exists already"),
        (
            &["bridge"],
            "\"bridge\" is the name of a network that is always there",
        ),
        (
            &["--subnet", "10.20.0.128/25", "new"],
            "10.20.0.128/25 overlaps 10.20.0.0/24 of the network web",
        ),
        (
            &["--subnet", "10.40.1.0/24", "new"],
            "10.40.1.0/24 overlaps the host's route to 10.40.0.0/16",
        ),
        (
            &["--subnet", "10.50.0.0/24", "--gateway", "10.51.0.1", "new"],
            "10.51.0.1 is in no subnet",
        ),
        (
            &[
                "--subnet",
                "10.50.0.0/24",
                "--ip-range",
                "10.51.0.0/25",
                "new",
            ],
            "10.51.0.0/25 is part of no subnet",
        ),
        (
            &[
                "--subnet",
                "10.50.0.0/24",
                "--gateway",
                "10.50.0.255",
                "new",
            ],
            "10.50.0.255 is not one",
        ),
        (
            &["--subnet", "10.50.0.0/31", "new"],
            "no room for containers",
        ),
        (&["--subnet", "fd01::/64", "new"], "add --ipv6"),
        (
            &["--driver", "overlay", "new"],
            "the network driver \"overlay\" is not supported",
        ),
        (
            &["-o", "com.docker.network.bridge.inhibit_ipv4=true", "new"],
            "is not supported",
        ),
        (&["-o", "mtu=big", "new"], "mtu: \"big\" is no number"),
        (&["../up"], "network name"),
    ];
    for (words, expected) in cases {
        let (code, said) = wharf.fails(&[&["network", "create"][..], words].concat());
        assert!(code != 0 && said.contains(expected), "{words:?}: {said}");
    }
    let list = wharf.ok(&["network", "ls", "--format", "{{.Name}}"]);
    assert_eq!(list, "bridge\nhost\nnone\nweb");
}

#[test]
fn a_connection_that_cannot_be_leaves_nothing_of_the_others() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    for (name, subnet) in [
        ("one", "10.1.0.0/24"),
        ("two", "10.2.0.0/30"),
        ("three", "10.3.0.0/24"),
    ] {
        wharf.ok(&["network", "create", "--subnet", subnet, name]);
    }
    sleeper(&wharf, "first", &["--network", "two"]);
    let run = |flags: &[&str]| {
        let words = [&["run", "--rm"], flags, &["host", "true"]].concat();
        let (code, said) = wharf.fails(&words);
        assert_eq!(code, 125, "{said}");
        said
    };
    let three = ["--network", "one", "--network", "two", "--network", "three"];
    assert!(run(&three).contains("network two: no free address is left in 10.2.0.0/30"));
    let taken = run(&["--network", "two", "--ip", "10.2.0.2"]);
    assert!(
        taken.contains("network two: the address 10.2.0.2 is in use by container"),
        "{taken}"
    );
    assert!(run(&["--network", "two", "--ip", "10.2.0.1"]).contains("in use by the gateway"));
    assert!(
        run(&["--network", "one", "--ip", "10.9.0.1"]).contains("10.9.0.1 is in no subnet of one")
    );
    assert!(run(&["--network", "one", "--network", "one"]).contains("one was named twice"));
    assert!(run(&["--network", "none", "--network", "one"]).contains("goes with no other"));
    assert!(run(&["--network", "host", "--ip", "10.1.0.2"]).contains("need a network"));
    assert!(run(&["--network", "nowhere"]).contains("no such network: nowhere"));
    wharf.ok(&["rm", "-f", "first"]);
    // `assert_nothing_left` looks at the leases; the links went with their namespaces.
    assert!(!machine.ok("ip", &["link"]).contains("wv"));
}

#[test]
fn who_may_not_change_the_network_is_told_so() {
    let wharf = match rustix::process::geteuid().is_root() {
        true => Wharf::of_user(61_234),
        false => Wharf::new(),
    };
    let (code, said) = wharf.fails(&["run", "--rm", "--network", "bridge", "host", "true"]);
    assert_eq!(code, 125);
    assert!(
        said.contains("a bridge network needs CAP_NET_ADMIN"),
        "{said}"
    );
    let list = wharf.ok(&["network", "ls", "--format", "{{.Name}}"]);
    assert_eq!(list, "host\nnone");
}
