//! What the firewall lets pass and what not, from everywhere to everywhere.

use super::machine::{Machine, address, greeter, hears, is_shut, reaches, sleeper, table_name};

#[test]
fn a_network_leads_out_in_the_machines_name_unless_it_is_internal() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "--ipv6", "open"]);
    wharf.ok(&["network", "create", "--internal", "closed"]);
    sleeper(&wharf, "open", &["--network", "open"]);
    sleeper(&wharf, "closed", &["--network", "closed"]);
    // Nobody outside knows a way back to the container's own address.
    assert!(reaches(&wharf, "open", "192.0.2.2"));
    assert!(reaches(&wharf, "open", "2001:db8::2"));
    assert!(is_shut(&wharf, "closed", "192.0.2.2"));
}

#[test]
fn nobody_gets_past_the_published_ports_by_routing() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "--subnet", "10.20.0.0/24", "web"]);
    wharf.ok(&["network", "create", "--subnet", "10.30.0.0/24", "other"]);
    greeter(
        &wharf,
        "web",
        &[
            "--network",
            "web",
            "-p",
            "8080:80",
            "-p",
            "127.0.0.1:9000:80",
        ],
    );
    sleeper(&wharf, "other", &["--network", "other"]);
    outside.ok("ip", &["route", "add", "10.20.0.0/24", "via", "192.0.2.1"]);
    assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n");
    assert!(outside.is_shut("10.20.0.2", "80"));
    assert!(
        outside
            .run("busybox", &["ping", "-c2", "-W2", "10.20.0.2"])
            .code
            == 1
    );
    // One network from another: through the published port alone.
    assert_eq!(hears(&wharf, "other", "10.30.0.1", "8080"), "hello\n");
    assert!(is_shut(&wharf, "other", "10.20.0.2"));
    // A port of 127.0.0.1 is no port of the machine's neighbours, whatever they send.
    assert_eq!(machine.hears("127.0.0.1", "9000"), "hello\n");
    assert!(outside.is_shut("192.0.2.1", "9000"));
    outside.ok("ip", &["link", "set", "lo", "down"]);
    outside.ok(
        "sh",
        &["-c", "echo 1 >/proc/sys/net/ipv4/conf/wire/route_localnet"],
    );
    outside.ok(
        "ip",
        &[
            "route",
            "add",
            "127.0.0.1/32",
            "via",
            "192.0.2.1",
            "src",
            "192.0.2.2",
        ],
    );
    assert!(outside.is_shut("127.0.0.1", "9000"));
}

#[test]
fn what_the_machines_own_rules_drop_stays_dropped() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    greeter(&wharf, "web", &["-p", "8080:80"]);
    assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n");
    let rules = "table inet own {
        chain forward { type filter hook forward priority 10; policy drop; iifname \"nothing\" accept; }
    }";
    machine.ok("nft", &[rules]);
    assert!(outside.is_shut("192.0.2.1", "8080"));
    assert!(is_shut(&wharf, "web", "192.0.2.2"));
    // By what the caller asked for, not by what it became.
    machine.ok(
        "nft",
        &["add rule inet own forward meta l4proto tcp ct original proto-dst 8080 accept"],
    );
    machine.ok(
        "nft",
        &["add rule inet own forward ct state established accept"],
    );
    assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n");
}

#[test]
fn a_published_port_is_shut_by_rules_of_the_machine_that_name_it() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    greeter(&wharf, "web", &["-p", "8080:80", "-p", "8081:80"]);
    for chain in [
        "forward { type filter hook forward priority -10; meta l4proto tcp ct original proto-dst 8080 drop; }",
        "forward { type filter hook forward priority 10; meta l4proto tcp ct original proto-dst 8080 drop; }",
        "early { type filter hook prerouting priority -150; tcp dport 8080 drop; }",
        // As ufw has it, which says nothing about ports that are passed on.
        "FORWARD { type filter hook forward priority 0; policy drop; meta l4proto tcp ct original proto-dst 8081 accept;
            ct state established accept; }",
    ] {
        let rules = format!("table ip own {{\nchain {chain}\n}}");
        machine.ok("nft", &[&rules]);
        assert!(outside.is_shut("192.0.2.1", "8080"), "{chain}");
        assert_eq!(outside.hears("192.0.2.1", "8081"), "hello\n", "{chain}");
        machine.ok("nft", &["delete table ip own"]);
        assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n", "{chain}");
    }
    // A packet that is passed on never comes to `input`; SECURITY.md says so.
    let input = "table ip own {\nchain input { type filter hook input priority 0; tcp dport 8080 drop; }\n}";
    machine.ok("nft", &[input]);
    assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n");
}

#[test]
fn rules_of_others_can_be_loaded_again_beside_ours() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    greeter(&wharf, "web", &["-p", "8080:80"]);
    let table = || machine.table_of(&wharf);
    let before = table();
    let chain = "table inet own {\nchain forward { type filter hook forward priority 10; }\n}\n";
    let own = &format!("{chain}flush table inet own\ndelete table inet own\n{chain}");
    machine.ok("nft", &[own]);
    machine.ok("nft", &[own]);
    assert_eq!(table(), before);
    assert_eq!(machine.hears("127.0.0.1", "8080"), "hello\n");
}

#[test]
fn a_flushed_table_is_made_again_by_the_next_command() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    greeter(&wharf, "web", &["-p", "8080:80"]);
    let table = || machine.table_of(&wharf);
    let whole = table();
    let name = table_name(&wharf);
    for flush in [
        "flush ruleset",
        &format!("flush table inet {name}"),
        &format!("flush chain inet {name} forward"),
        &format!("delete table inet {name}; add table inet {name}"),
    ] {
        machine.ok("nft", &[flush]);
        wharf.ok(&["ps"]);
        assert_eq!(table(), whole, "{flush}");
        assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n", "{flush}");
    }
    // The first container after it need not be one that knows of the others.
    machine.ok("nft", &["flush", "ruleset"]);
    sleeper(&wharf, "any", &["--network", "bridge"]);
    assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n");
    assert!(reaches(&wharf, "any", "192.0.2.2"));
    let web = address(&wharf, "web", "bridge", "IPAddress");
    assert!(reaches(&wharf, "any", &web));
}

#[test]
fn a_table_is_made_where_the_networks_are_and_nowhere_else() {
    let (Some(machine), Some(other)) = (Machine::new(), Machine::new()) else {
        return;
    };
    let wharf = machine.wharf();
    sleeper(&wharf, "web", &["--network", "bridge"]);
    let words = wharf.command();
    let words: Vec<&str> = words
        .get_args()
        .skip(1)
        .map(|word| word.to_str().unwrap())
        .collect();
    let there = format!("--net={}", other.namespace().display());
    let listed = std::process::Command::new("nsenter")
        .arg(there)
        .args(words)
        .arg("ps")
        .output();
    assert!(listed.unwrap().status.success());
    assert_eq!(other.ok("nft", &["list", "ruleset"]), "");
}

#[test]
fn nothing_of_a_container_or_a_network_stays_in_the_table() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "--ipv6", "web"]);
    wharf.ok(&[
        "run",
        "--rm",
        "--network",
        "web",
        "-p",
        "8080:80",
        "-p",
        "127.0.0.1:53:53/udp",
        "host",
        "true",
    ]);
    wharf.ok(&[
        "run",
        "--rm",
        "--network",
        "web",
        "-p",
        "8080:80",
        "host",
        "true",
    ]);
    wharf.ok(&["ps", "-aq"]);
    wharf.ok(&["network", "rm", "web"]);
    let table = machine.table_of(&wharf);
    assert!(!table.contains("elements"), "{table}");
}

#[test]
fn two_installations_leave_each_others_rules_alone() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let (one, two) = (machine.wharf(), machine.wharf());
    greeter(&one, "web", &["-p", "8081:80"]);
    greeter(&two, "web", &["-p", "8082:80"]);
    let tables = || (machine.table_of(&one), machine.table_of(&two));
    let before = tables();
    let hears_both = || {
        for port in ["8081", "8082"] {
            assert_eq!(outside.hears("192.0.2.1", port), "hello\n", "{port}");
        }
    };
    hears_both();
    // From one to the other as from outside: by the published port alone.
    assert_eq!(hears(&one, "web", "192.0.2.1", "8082"), "hello\n");
    let own = address(&two, "web", "bridge", "IPAddress");
    assert!(is_shut(&one, "web", &own));
    // Each makes its own anew, and no more.
    let flush = format!("flush table inet {}", table_name(&one));
    machine.ok("nft", &[&flush]);
    one.ok(&["ps"]);
    assert_eq!(tables(), before);
    machine.ok("nft", &["flush", "ruleset"]);
    two.ok(&["ps"]);
    assert_eq!(outside.hears("192.0.2.1", "8082"), "hello\n");
    one.ok(&["ps"]);
    assert_eq!(tables(), before);
    hears_both();
    one.ok(&["rm", "-f", "web"]);
    assert!(outside.is_shut("192.0.2.1", "8081"));
    assert_eq!(machine.table_of(&two), before.1);
}

#[test]
fn a_port_in_the_table_is_whosever_container_holds_it() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    sleeper(&wharf, "any", &["--network", "bridge"]);
    // As a crash leaves it until somebody comes to sweep.
    let map = format!("inet {} any4", table_name(&wharf));
    let of_another = format!("{map} {{ tcp . 8080 : 10.9.9.9 . 80 }}");
    let add = format!("add element {of_another}");
    machine.ok("nft", &[&add]);
    greeter(&wharf, "web", &["-p", "8080:80"]);
    assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n");
    // And as another one finds it that sweeps late.
    let replace = format!("delete element {map} {{ tcp . 8080 }}; {add}");
    machine.ok("nft", &[&replace]);
    wharf.ok(&["rm", "-f", "web"]);
    let table = machine.table_of(&wharf);
    assert!(table.contains("tcp . 8080 : 10.9.9.9 . 80"), "{table}");
}
