//! Several networks of one container, and changing them while it runs.

use super::machine::{Machine, address, reaches, sleeper};
use crate::harness::Wharf;

#[test]
fn a_container_can_be_in_several_networks_and_come_and_go() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    for name in ["front", "back", "other"] {
        wharf.ok(&["network", "create", name]);
    }
    sleeper(
        &wharf,
        "web",
        &["--network", "front", "--network", "name=back,alias=app"],
    );
    sleeper(&wharf, "db", &["--network", "back"]);
    let db = address(&wharf, "db", "back", "IPAddress");
    assert!(reaches(&wharf, "web", &db));
    assert_eq!(address(&wharf, "web", "back", "Gateway"), "");
    wharf.ok(&["network", "disconnect", "back", "web"]);
    assert!(!wharf.ok(&["exec", "web", "ip", "link"]).contains("eth1"));
    wharf.ok(&["network", "connect", "--alias", "backend", "back", "web"]);
    assert!(reaches(&wharf, "web", &db));
    assert_eq!(
        wharf.inspect("web", "/NetworkSettings/Networks/back/Aliases/0"),
        "backend"
    );
    let (_, said) = wharf.fails(&["network", "connect", "back", "web"]);
    assert_eq!(
        said,
        "wharf: container web is connected already to the network back"
    );
    let (_, said) = wharf.fails(&["network", "disconnect", "other", "web"]);
    assert_eq!(
        said,
        "wharf: container web is not connected to the network other"
    );
    let (_, said) = wharf.fails(&["network", "rm", "back"]);
    assert!(said.contains("network back is used by container"), "{said}");
    assert_eq!(
        wharf.ok(&["network", "prune", "-f"]),
        "Deleted Networks:\nother"
    );
    // One that does not run is told with its next start.
    wharf.ok(&["stop", "-t", "0", "web"]);
    wharf.ok(&["network", "disconnect", "front", "web"]);
    wharf.ok(&["start", "web"]);
    assert!(reaches(&wharf, "web", &db));
    assert_eq!(
        wharf.ok(&["exec", "web", "ls", "/sys/class/net"]),
        "eth0\nlo"
    );
}

#[test]
fn a_removed_network_leaves_no_bridge() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    let id = wharf.ok(&["network", "create", "web"]);
    wharf.ok(&["run", "--rm", "--network", "web", "host", "true"]);
    let bridge = format!("wb{}", &id[..12]);
    assert!(machine.ok("ip", &["link"]).contains(&bridge));
    assert_eq!(wharf.ok(&["network", "rm", "web"]), "web");
    assert!(!machine.ok("ip", &["link"]).contains("wb"));
    let (_, said) = wharf.fails(&["run", "--rm", "--network", "web", "host", "true"]);
    assert_eq!(said, "wharf: no such network: web");
}

#[test]
fn the_host_has_the_name_that_was_asked_for() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    let subnet = ["--subnet", "10.9.0.0/24", "--gateway", "10.9.0.7", "web"];
    wharf.ok(&[&["network", "create"], &subnet[..]].concat());
    let run = |network: &str| {
        let words = [
            "run",
            "--rm",
            "--add-host",
            "outside:host-gateway",
            "--network",
        ];
        wharf.run(&[&words[..], &[network, "host", "getent", "hosts", "outside"]].concat())
    };
    let found = run("web").stdout;
    let found: Vec<&str> = found.split_whitespace().collect();
    assert_eq!(found, ["10.9.0.7", "outside"]);
    wharf.ok(&["network", "create", "--internal", "inner"]);
    for network in ["inner", "none", "host"] {
        let refused = run(network);
        assert_eq!(refused.code, 125, "{refused:?}");
        assert!(
            refused.stderr.contains("needs a network that leads out"),
            "{refused:?}"
        );
    }
}

/// The actions of networks that have happened, each with the names that go with it.
fn events(wharf: &Wharf) -> Vec<String> {
    let format = "{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}} \
                  {{.Actor.Attributes.container}}";
    let words = [
        "events", "--since", "1h", "--until", "0s", "--format", format,
    ];
    let text = wharf.ok(&[&words[..], &["--filter", "type=network"]].concat());
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
fn what_happens_to_networks_is_told() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    for name in ["web", "back"] {
        wharf.ok(&["network", "create", name]);
    }
    sleeper(&wharf, "box", &["--network", "web"]);
    let id = wharf.inspect("box", "/Id").as_str().unwrap().to_owned();
    wharf.ok(&["network", "connect", "back", "box"]);
    wharf.ok(&["network", "disconnect", "web", "box"]);
    wharf.ok(&["rm", "-f", "box"]);
    let pruned = wharf.ok(&["system", "prune", "-f"]);
    assert!(
        pruned.contains("Deleted Networks:\nback\nweb\n"),
        "{pruned}"
    );
    let events = events(&wharf);
    let of_box = |action: &str, network: &str| format!("{action} {network} bridge {id}");
    assert_eq!(
        events[..6],
        [
            "create web bridge <no value>".to_owned(),
            "create back bridge <no value>".to_owned(),
            of_box("connect", "web"),
            of_box("connect", "back"),
            of_box("disconnect", "web"),
            of_box("disconnect", "back"),
        ]
    );
    assert_eq!(
        events[6..8],
        [
            "destroy back bridge <no value>",
            "destroy web bridge <no value>"
        ]
    );
    let only = [
        "events",
        "--since",
        "1h",
        "--until",
        "0s",
        "--filter",
        "network=back",
    ];
    assert_eq!(wharf.ok(&only).lines().count(), 4);
}
