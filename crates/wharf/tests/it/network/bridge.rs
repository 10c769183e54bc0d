//! Containers on bridges: who reaches whom, and what is said about it.

use super::machine::{Machine, address, is_shut, reaches, sleeper};

#[test]
fn containers_of_a_network_reach_each_other_and_the_host() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "--ipv6", "web"]);
    sleeper(&wharf, "one", &["--network", "web"]);
    sleeper(&wharf, "two", &["--network", "web"]);
    for key in ["IPAddress", "GlobalIPv6Address"] {
        let (one, two) = (
            address(&wharf, "one", "web", key),
            address(&wharf, "two", "web", key),
        );
        assert_ne!(one, two);
        assert!(machine.reaches(&one), "{one}");
        assert!(
            reaches(&wharf, "one", &two) && reaches(&wharf, "two", &one),
            "{key}"
        );
    }
    let gateway = address(&wharf, "one", "web", "Gateway");
    assert!(reaches(&wharf, "one", &gateway));
    let hosts = wharf.ok(&["exec", "one", "cat", "/etc/hosts"]);
    let hostname = wharf.ok(&["exec", "one", "hostname"]);
    let line = format!("{}\t{hostname}", address(&wharf, "one", "web", "IPAddress"));
    assert!(hosts.lines().any(|known| known == line), "{hosts}");
}

#[test]
fn an_address_can_be_chosen_and_all_of_it_is_said() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    let create = [
        "network",
        "create",
        "--subnet",
        "10.20.0.0/24",
        "--gateway",
        "10.20.0.9",
    ];
    let id = wharf.ok(&[
        &create[..],
        &["--ip-range", "10.20.0.128/25", "-o", "mtu=1400", "web"],
    ]
    .concat());
    let fixed = [
        "--network",
        "web",
        "--ip",
        "10.20.0.5",
        "--mac-address",
        "02:00:00:00:00:07",
    ];
    sleeper(
        &wharf,
        "fixed",
        &[&fixed[..], &["--network-alias", "www"]].concat(),
    );
    sleeper(&wharf, "any", &["--network", "web"]);
    assert_eq!(address(&wharf, "fixed", "web", "IPAddress"), "10.20.0.5");
    assert_eq!(address(&wharf, "fixed", "web", "Gateway"), "10.20.0.9");
    assert_eq!(
        address(&wharf, "fixed", "web", "MacAddress"),
        "02:00:00:00:00:07"
    );
    assert_eq!(address(&wharf, "fixed", "web", "NetworkID"), id);
    assert_eq!(
        wharf.inspect("fixed", "/NetworkSettings/Networks/web/Aliases/0"),
        "www"
    );
    assert_eq!(
        wharf.inspect("fixed", "/NetworkSettings/IPAddress"),
        "10.20.0.5"
    );
    assert_eq!(wharf.inspect("fixed", "/HostConfig/NetworkMode"), "web");
    assert_eq!(address(&wharf, "any", "web", "IPAddress"), "10.20.0.128");
    let device = wharf.ok(&["exec", "fixed", "ip", "link", "show", "eth0"]);
    assert!(
        device.contains("mtu 1400") && device.contains("02:00:00:00:00:07"),
        "{device}"
    );
    let route = wharf.ok(&["exec", "fixed", "ip", "route"]);
    assert!(
        route.starts_with("default via 10.20.0.9 dev eth0"),
        "{route}"
    );
    let shown = wharf.ok(&[
        "network",
        "inspect",
        "-f",
        "{{range .Containers}}{{.Name}} {{.IPv4Address}};{{end}}",
        "web",
    ]);
    assert!(
        shown.contains("fixed 10.20.0.5/24;") && shown.contains("any 10.20.0.128/24;"),
        "{shown}"
    );
    assert!(
        wharf
            .ok(&["ps", "--format", "{{.Names}} {{.Networks}}"])
            .contains("fixed web")
    );
    assert_eq!(
        wharf
            .ok(&["ps", "-q", "--filter", "network=web"])
            .lines()
            .count(),
        2
    );
    let list = wharf.ok(&["network", "ls", "--format", "{{.Name}} {{.Driver}}"]);
    assert_eq!(list, "bridge bridge\nhost host\nnone null\nweb bridge");
}

#[test]
fn a_container_keeps_its_network_over_a_stop_and_its_address_is_free_meanwhile() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "--subnet", "10.20.0.0/30", "web"]);
    sleeper(&wharf, "one", &["--network", "web"]);
    assert_eq!(address(&wharf, "one", "web", "IPAddress"), "10.20.0.2");
    wharf.ok(&["stop", "-t", "0", "one"]);
    assert_eq!(address(&wharf, "one", "web", "IPAddress"), "");
    sleeper(&wharf, "two", &["--network", "web"]);
    let (_, said) = wharf.fails(&["start", "one"]);
    assert!(
        said.contains("no free address is left in 10.20.0.0/30"),
        "{said}"
    );
    wharf.ok(&["rm", "-f", "two"]);
    wharf.ok(&["start", "one"]);
    assert!(machine.reaches("10.20.0.2"));
    // Started again by its monitor, with what it had.
    let policy = [
        "run",
        "-d",
        "--name",
        "again",
        "--restart",
        "on-failure",
        "--network",
        "bridge",
    ];
    wharf.ok(&[
        &policy[..],
        &[
            "host",
            "sh",
            "-c",
            "test -e /once || { touch /once; exit 1; }; sleep 1000",
        ],
    ]
    .concat());
    while wharf.inspect("again", "/RestartCount") != 1
        || wharf.inspect("again", "/State/Status") != "running"
    {}
    assert!(machine.reaches(&address(&wharf, "again", "bridge", "IPAddress")));
}

#[test]
fn members_of_a_network_without_icc_reach_the_host_alone() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&[
        "network",
        "create",
        "-o",
        "com.docker.network.bridge.enable_icc=false",
        "apart",
    ]);
    sleeper(&wharf, "one", &["--network", "apart"]);
    sleeper(&wharf, "two", &["--network", "apart"]);
    let two = address(&wharf, "two", "apart", "IPAddress");
    assert!(machine.reaches(&two));
    assert!(reaches(
        &wharf,
        "one",
        &address(&wharf, "one", "apart", "Gateway")
    ));
    assert!(is_shut(&wharf, "one", &two));
}
