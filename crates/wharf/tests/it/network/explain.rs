//! What is told of networks and their traffic is what the kernel says.

use serde_json::Value;

use super::machine::{Machine, address, greeter, reaches, sleeper};
use crate::harness::Wharf;

fn explanation(wharf: &Wharf, network: &str) -> Value {
    let told = wharf.ok(&["network", "explain", "--format", "json", network]);
    serde_json::from_str(&told).unwrap()
}

/// How many packets a rule counted.
fn counted(told: &Value, rule: &str) -> u64 {
    let rules = told["Firewall"]["Rules"].as_array().unwrap();
    let found = rules.iter().find(|found| found["Says"] == rule);
    found.unwrap_or_else(|| panic!("{rule} in {told}"))["Packets"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_network_is_explained_with_its_members_ports_and_rules() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "--ipv6", "web"]);
    let told = explanation(&wharf, "web");
    assert_eq!(
        (&told["Device"], &told["Connected"]),
        (&Value::Null, &serde_json::json!([]))
    );
    let ports = [
        "-p",
        "8080:80",
        "-p",
        "127.0.0.1:9000:80",
        "-p",
        "192.0.2.1:7000:80/udp",
    ];
    let network = ["--network", "web", "--network-alias", "www"];
    greeter(&wharf, "one", &[&network[..], &ports].concat());
    sleeper(&wharf, "two", &["--network", "web"]);
    assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n");
    let told = explanation(&wharf, "web");
    assert_eq!(told["Driver"], "bridge");
    let bridge = told["Bridge"].as_str().unwrap();
    let link = machine.ok("ip", &["-j", "link", "show", bridge]);
    let link: Value = serde_json::from_str(&link).unwrap();
    assert_eq!(told["Device"]["Mtu"], link[0]["mtu"]);
    assert_eq!(told["Device"]["IsUp"], true);
    let names = |told: &Value| -> Vec<String> {
        let connected = told["Connected"].as_array().unwrap().iter();
        connected
            .map(|one| one["Container"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&told), ["one", "two"]);
    let one = &told["Connected"][0];
    let own = address(&wharf, "one", "web", "IPAddress");
    let shown = one["Addresses"][0].as_str().unwrap();
    assert_eq!(shown.split('/').next(), Some(own.as_str()));
    let outer = one["HostInterface"].as_str().unwrap();
    assert!(
        machine
            .ok("ip", &["-o", "link", "show", "master", bridge])
            .contains(outer)
    );
    let reached = |port: &str| {
        let ports = one["Ports"].as_array().unwrap();
        let found = ports.iter().find(|found| found["Port"] == port);
        found.unwrap_or_else(|| panic!("{port} in {one}"))["ReachedFrom"].clone()
    };
    assert_eq!(reached("0.0.0.0:8080->80/tcp"), "everywhere");
    assert_eq!(reached("[::]:8080->80/tcp"), "everywhere");
    assert_eq!(reached("127.0.0.1:9000->80/tcp"), "this machine alone");
    let somewhere = "wherever 192.0.2.1 can be reached from";
    assert_eq!(reached("192.0.2.1:7000->80/udp"), somewhere);
    // The connection from outside.
    let rule = "to a port published on all addresses (IPv4)";
    assert_eq!(counted(&told, rule), 1);
    assert!(counted(&told, "to a published port") >= 1);
    let drawn = wharf.ok(&["network", "explain", "web"]);
    for line in [
        "leads out in the machine's name".to_owned(),
        "its containers reach each other".to_owned(),
        format!("{outer} on the bridge"),
        "is also called www".to_owned(),
        "127.0.0.1:9000->80/tcp, from this machine alone".to_owned(),
        format!("{rule}: send on, 1 packet, "),
    ] {
        assert!(drawn.contains(&line), "{line} in {drawn}");
    }
    let drawn = wharf.ok(&["explain", "one"]);
    assert!(
        drawn.contains("0.0.0.0:8080->80/tcp, from everywhere"),
        "{drawn}"
    );
    let listed = wharf.ok(&["ps", "--filter", "name=one", "--format", "{{.ReachedFrom}}"]);
    assert!(
        listed.contains("127.0.0.1:9000->80/tcp from this machine alone"),
        "{listed}"
    );
    wharf.ok(&["rm", "-f", "one"]);
    assert_eq!(names(&explanation(&wharf, "web")), ["two"]);
}

#[test]
fn whoever_else_filters_what_is_passed_on_is_named() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    sleeper(&wharf, "one", &["--network", "bridge"]);
    let others = || explanation(&wharf, "bridge")["Firewall"]["Others"].clone();
    assert_eq!(others(), serde_json::json!([]));
    let rules = "table ip filter {
        chain FORWARD { type filter hook forward priority 0; policy drop; }
        chain INPUT { type filter hook input priority 0; policy drop; }
        chain idle { type filter hook forward priority 10; }
    }
    table inet own { chain early { type filter hook prerouting priority -150; tcp dport 1 drop; }
    }";
    machine.ok("nft", &[rules]);
    let shown = others();
    let shown: Vec<String> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let [table, chain, hook] =
                ["Table", "Chain", "Hook"].map(|key| one[key].as_str().unwrap());
            format!("{table} {chain} {hook} {} {}", one["Rules"], one["Drops"])
        })
        .collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(
        shown.contains(&"ip filter FORWARD forward 0 true".to_owned()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"inet own early prerouting 1 false".to_owned()),
        "{shown:?}"
    );
    let drawn = wharf.ok(&["network", "explain", "bridge"]);
    let line = "table ip filter, chain FORWARD: forward, 0 rules, drops what no rule of it decides";
    assert!(drawn.contains(line), "{drawn}");
}

#[test]
fn networks_of_other_kinds_are_explained_too() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&[
        "network",
        "create",
        "--internal",
        "-o",
        "icc=false",
        "closed",
    ]);
    let drawn = wharf.ok(&["network", "explain", "closed"]);
    assert!(drawn.contains("nothing leads out of it"), "{drawn}");
    assert!(
        drawn.contains("its containers do not reach each other"),
        "{drawn}"
    );
    assert!(drawn.contains("made with the first container"), "{drawn}");
    wharf.ok(&["network", "create", "-o", "masquerade=false", "plain"]);
    let drawn = wharf.ok(&["network", "explain", "plain"]);
    assert!(drawn.contains("by their own addresses"), "{drawn}");
    let told = explanation(&wharf, "host");
    assert_eq!(
        (&told["Driver"], &told["Firewall"]),
        (&"host".into(), &Value::Null)
    );
    let (code, said) = wharf.fails(&["network", "explain", "nowhere"]);
    assert_eq!(code, 1);
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn stats_count_what_each_interface_received_and_sent() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "web"]);
    sleeper(&wharf, "one", &["--network", "bridge", "--network", "web"]);
    let stats = || -> Value {
        let told = wharf.ok(&["stats", "--no-stream", "--format", "json", "one"]);
        serde_json::from_str(&told).unwrap()
    };
    let figures = |stats: &Value, at: usize| {
        let interface = &stats["Interfaces"][at];
        let figure = |way: &str, key: &str| interface[way][key].as_u64().unwrap();
        assert_eq!(interface["Name"], format!("eth{at}"));
        for (way, key) in [
            ("Received", "Errors"),
            ("Sent", "Errors"),
            ("Sent", "Dropped"),
        ] {
            assert_eq!(figure(way, key), 0, "{way} {key} in {stats}");
        }
        let bytes = |way| (figure(way, "Packets"), figure(way, "Bytes"));
        (bytes("Received"), bytes("Sent"))
    };
    let before = stats();
    assert_eq!(
        before["Interfaces"].as_array().unwrap().len(),
        2,
        "{before}"
    );
    let gateway = explanation(&wharf, "web")["Subnets"][0]["Gateway"].clone();
    assert!(reaches(&wharf, "one", gateway.as_str().unwrap()));
    let after = stats();
    let (received_before, sent_before) = figures(&before, 1);
    let (received, sent) = figures(&after, 1);
    // A ping and its answer are 98 bytes each.
    for (before, after) in [(received_before, received), (sent_before, sent)] {
        assert!(
            after.0 > before.0 && after.1 >= before.1 + 98,
            "{before:?} {after:?}"
        );
    }
    figures(&after, 0);
    let template = wharf.ok(&[
        "stats",
        "--no-stream",
        "--format",
        "{{range .Interfaces}}{{.Name}} {{end}}",
        "one",
    ]);
    assert_eq!(template.trim(), "eth0 eth1");
}
