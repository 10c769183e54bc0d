//! Published ports: how they are asked for, from where they are reached, and what is said.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::machine::{Machine, address, greeter, hears, sleeper};

#[test]
fn a_port_is_reached_from_everywhere_on_both_families() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "--ipv6", "web"]);
    greeter(&wharf, "web", &["--network", "web", "-p", "8080:80"]);
    sleeper(&wharf, "other", &["--network", "web"]);
    for host in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(outside.hears(host, "8080"), "hello\n", "outside {host}");
        assert_eq!(machine.hears(host, "8080"), "hello\n", "machine {host}");
        assert_eq!(
            hears(&wharf, "other", host, "8080"),
            "hello\n",
            "neighbour {host}"
        );
        assert_eq!(
            hears(&wharf, "web", host, "8080"),
            "hello\n",
            "itself {host}"
        );
    }
    assert_eq!(machine.hears("127.0.0.1", "8080"), "hello\n");
    let gateway = address(&wharf, "web", "web", "Gateway");
    assert_eq!(hears(&wharf, "web", &gateway, "8080"), "hello\n");
    // And no longer than it runs.
    wharf.ok(&["rm", "-f", "web"]);
    assert!(outside.is_shut("192.0.2.1", "8080"));
    greeter(&wharf, "next", &["--network", "web", "-p", "8080:80"]);
    assert_eq!(outside.hears("192.0.2.1", "8080"), "hello\n");
}

#[test]
fn datagrams_are_passed_on_and_their_answers_come_back() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    let echo = "my $s = IO::Socket::INET->new(Proto => 'udp', LocalPort => 53);
        while ($s->recv(my $m, 100)) { $s->send($m) }";
    let run = ["run", "-d", "--name", "dns", "-p", "5353:53/udp", "host"];
    wharf.ok(&[&run[..], &["perl", "-MIO::Socket::INET", "-e", echo]].concat());
    let listens = "until grep -q ':0035 ' /proc/net/udp; do :; done";
    wharf.ok(&["exec", "dns", "sh", "-c", listens]);
    // `read` of the shell takes a byte at a time, and with it the rest of the datagram.
    let ask = "exec 3<>/dev/udp/192.0.2.1/5353; echo asked >&3; timeout 20 head -n1 <&3";
    assert_eq!(outside.ok("bash", &["-c", ask]), "asked\n");
    assert_eq!(machine.ok("bash", &["-c", ask]), "asked\n");
}

/// Asks until there is this answer; others are those of a server that was there before.
fn hears_datagram(client: &UdpSocket, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut answer = [0; 64];
    while Instant::now() < deadline {
        client.send_to(b"asked", "192.0.2.1:5353").unwrap();
        // What is refused meanwhile comes as an error, and so does silence.
        let length = client.recv(&mut answer).unwrap_or(0);
        if &answer[..length] == wanted.as_bytes() {
            return;
        }
    }
    panic!("{wanted:?} was never heard");
}

#[test]
fn datagrams_of_a_flow_go_to_whoever_has_the_port_now() {
    let (Some(machine), Some(outside)) = (Machine::new(), Machine::new()) else {
        return;
    };
    machine.wire(&outside);
    let wharf = machine.wharf();
    // With a container on it, the machine tracks flows.
    sleeper(&wharf, "any", &["--network", "bridge"]);
    let client = outside.within(|| UdpSocket::bind("192.0.2.2:4000").unwrap());
    client
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    client.send_to(b"early", "192.0.2.1:5353").unwrap();
    for name in ["first", "second"] {
        let answer = format!(
            "my $s = IO::Socket::INET->new(Proto => 'udp', LocalPort => 53);
            while ($s->recv(my $m, 100)) {{ $s->send('{name}') }}"
        );
        let run = ["run", "-d", "--name", name, "-p", "5353:53/udp", "host"];
        wharf.ok(&[&run[..], &["perl", "-MIO::Socket::INET", "-e", &answer]].concat());
        hears_datagram(&client, name);
        wharf.ok(&["rm", "-f", name]);
    }
}

#[test]
fn a_container_that_leaves_a_network_leaves_its_ports() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    wharf.ok(&["network", "create", "web"]);
    greeter(&wharf, "web", &["--network", "web", "-p", "8080:80"]);
    assert_eq!(machine.hears("127.0.0.1", "8080"), "hello\n");
    wharf.ok(&["network", "disconnect", "web", "web"]);
    assert!(machine.is_shut("127.0.0.1", "8080"));
    assert_eq!(wharf.ok(&["port", "web"]), "");
    wharf.ok(&["network", "rm", "web"]);
    wharf.ok(&["rm", "-f", "web"]);
    let table = machine.table_of(&wharf);
    assert!(!table.contains("elements"), "{table}");
}

#[test]
fn ports_are_chosen_counted_and_shown_as_by_docker() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    let flags = [
        "-p",
        "8000-8001:80-81",
        "-p",
        "127.0.0.1::90/udp",
        "-P",
        "--expose",
        "70",
    ];
    sleeper(&wharf, "web", &flags);
    let lines = wharf.ok(&["port", "web"]);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with("70/tcp -> 0.0.0.0:") && !lines[0].ends_with(":0"));
    assert_eq!(
        lines[1..3],
        ["80/tcp -> 0.0.0.0:8000", "81/tcp -> 0.0.0.0:8001"]
    );
    assert!(lines[3].starts_with("90/udp -> 127.0.0.1:") && !lines[3].ends_with(":0"));
    assert_eq!(wharf.ok(&["port", "web", "80"]), "0.0.0.0:8000");
    assert_eq!(wharf.fails(&["port", "web", "99"]).0, 1);
    let shown = wharf.ok(&["ps", "--format", "{{.Ports}}"]);
    assert!(
        shown.contains("0.0.0.0:8000->80/tcp, 0.0.0.0:8001->81/tcp"),
        "{shown}"
    );
    assert_eq!(
        wharf.inspect("web", "/NetworkSettings/Ports/80~1tcp/0/HostPort"),
        "8000"
    );
    assert_eq!(
        wharf.inspect("web", "/HostConfig/PortBindings/90~1udp/0/HostIp"),
        "127.0.0.1"
    );
    assert_eq!(wharf.inspect("web", "/HostConfig/NetworkMode"), "bridge");
}

#[test]
fn a_port_that_somebody_has_is_refused() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    sleeper(&wharf, "web", &["-p", "8080:80"]);
    let run = |flags: &[&str]| {
        let (code, said) = wharf.fails(&[&["run", "--rm"], flags, &["host", "true"]].concat());
        assert_eq!(code, 125, "{said}");
        said
    };
    let said = run(&["-p", "8081:80", "-p", "8080:80"]);
    assert!(
        said.contains("publishing 0.0.0.0:8080->80/tcp: the port is in use by container web"),
        "{said}"
    );
    assert!(run(&["-p", "203.0.113.1:80:80"]).contains("cannot assign requested address"));
    assert!(run(&["-p", "[::]:80:80"]).contains("an address of IPv6, and the network has none"));
    assert!(run(&["--network", "host", "-p", "80:80"]).contains("no port can be published"));
    assert!(run(&["-p", "[::1]:80:80"]).contains("publishing on [::1] is not supported"));
    sleeper(&wharf, "sctp", &["-p", "9000:80/sctp"]);
    let said = run(&["-p", "9000:90/sctp"]);
    assert!(
        said.contains("9000->90/sctp: the port is in use by container sctp"),
        "{said}"
    );
    let _listener = machine.within(|| std::net::TcpListener::bind("0.0.0.0:9000").unwrap());
    let said = run(&["-p", "127.0.0.1:9000:80"]);
    let this = format!("(process {})", std::process::id());
    assert!(
        said.contains("the port is in use by") && said.contains(&this),
        "{said}"
    );
    wharf.ok(&["network", "create", "--internal", "closed"]);
    assert!(
        run(&["--network", "closed", "-p", "80:80"])
            .contains("none of the container's networks leads out")
    );
    // Nobody on the machine can take it either.
    let httpd = [
        "timeout",
        "20",
        "busybox",
        "httpd",
        "-f",
        "-p",
        "0.0.0.0:8080",
    ];
    let taken = machine.run("busybox", &httpd);
    assert!(taken.stderr.contains("in use"), "{taken:?}");
    wharf.ok(&["rm", "-f", "web"]);
    wharf.ok(&[
        "run", "--rm", "-p", "8081:80", "-p", "8080:80", "host", "true",
    ]);
}
