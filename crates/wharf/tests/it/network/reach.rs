//! Who reaches whom: every pair of places that matters, over IPv4 and IPv6, by TCP and UDP, and by
//! SCTP where the kernel speaks it.

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, connect, ipproto, recv,
    sendto, socket_with,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::machine::Machine;
use crate::harness::Wharf;

/// The addresses of a place, of both families; of one alone where the other is empty.
type Place = (&'static str, &'static str);

const HOST: Place = ("192.0.2.1", "2001:db8::1");
const OUTSIDE: Place = ("192.0.2.2", "2001:db8::2");
const LOOPBACK: Place = ("127.0.0.1", "");
const LOOPBACK6: Place = ("", "::1");

/// Two on a network, and its gateway.
const A1: Place = ("10.20.0.11", "fd00:20::11");
const A2: Place = ("10.20.0.12", "fd00:20::12");
const GATE_A: Place = ("10.20.0.1", "fd00:20::1");
/// One on another network.
const B1: Place = ("10.30.0.11", "fd00:30::11");
/// Two on an internal network.
const I1: Place = ("10.40.0.11", "fd00:40::11");
const I2: Place = ("10.40.0.12", "fd00:40::12");
const GATE_I: Place = ("10.40.0.1", "fd00:40::1");
/// Two on a network whose members are kept apart.
const X1: Place = ("10.50.0.11", "fd00:50::11");
const X2: Place = ("10.50.0.12", "fd00:50::12");

/// From where, to where, to which port, and who answers: nobody where it is shut.
type Way = (&'static str, Place, u16, &'static str);

const WAYS: [Way; 53] = [
    // The host and containers, whichever network.
    ("host", A1, 80, "a1"),
    ("host", I1, 80, "i1"),
    ("host", X1, 80, "x1"),
    ("a1", GATE_A, 80, "host"),
    ("a1", HOST, 80, "host"),
    ("i1", GATE_I, 80, "host"),
    ("i1", HOST, 80, ""),
    // The world.
    ("a1", OUTSIDE, 80, "outside"),
    ("x1", OUTSIDE, 80, "outside"),
    ("i1", OUTSIDE, 80, ""),
    // Containers of one network.
    ("a1", A2, 80, "a2"),
    ("a2", A1, 80, "a1"),
    ("i1", I2, 80, "i2"),
    ("x1", X2, 80, ""),
    ("x2", X1, 80, ""),
    // Containers of several.
    ("a1", B1, 80, ""),
    ("b1", A1, 80, ""),
    ("a1", X1, 80, ""),
    ("a1", I1, 80, ""),
    ("i1", A1, 80, ""),
    // Past the published ports, by whoever knows the way.
    ("outside", A1, 80, ""),
    ("outside", A2, 80, ""),
    ("outside", B1, 80, ""),
    ("outside", I1, 80, ""),
    ("outside", X1, 80, ""),
    // A port that is published on all addresses.
    ("outside", HOST, 8080, "a1"),
    ("host", HOST, 8080, "a1"),
    ("host", LOOPBACK, 8080, "a1"),
    ("host", LOOPBACK6, 8080, ""),
    ("host", GATE_A, 8080, "a1"),
    ("a1", HOST, 8080, "a1"),
    ("a1", GATE_A, 8080, "a1"),
    ("a2", HOST, 8080, "a1"),
    ("b1", HOST, 8080, "a1"),
    ("x1", HOST, 8080, "a1"),
    ("i1", HOST, 8080, ""),
    ("i1", GATE_I, 8080, ""),
    // The container's port is not the host's, nor the host's the container's.
    ("outside", HOST, 80, "host"),
    ("outside", A1, 8080, ""),
    ("host", A1, 8080, ""),
    // A port that is published on one address.
    ("outside", HOST, 7000, "a2"),
    ("host", HOST, 7000, "a2"),
    ("b1", HOST, 7000, "a2"),
    ("host", LOOPBACK, 7000, ""),
    ("host", GATE_A, 7000, ""),
    ("a1", GATE_A, 7000, ""),
    // A port that is published on 127.0.0.1.
    ("host", LOOPBACK, 9000, "b1"),
    ("host", HOST, 9000, ""),
    ("outside", HOST, 9000, ""),
    ("a1", HOST, 9000, ""),
    ("a1", GATE_A, 9000, ""),
    // A port of one that is kept from its neighbours.
    ("outside", HOST, 6000, "x2"),
    ("a1", HOST, 6000, "x2"),
];

/// The one way that depends on the machine: where bridges obey the IP firewall, a packet to a
/// published port of a neighbour never leaves the bridge, whose ports are kept apart.
const BESIDE: (&str, Place, u16) = ("x1", HOST, 6000);

/// Answers with its name on port 80, over whatever the kernel speaks.
const SERVER: &str = r#"
    use Socket;
    my ($name, %sockets) = shift;
    my $bits = '';
    for my $kind ([SOCK_STREAM, 6], [SOCK_DGRAM, 17], [SOCK_STREAM, 132]) {
        socket(my $socket, PF_INET6, $kind->[0], $kind->[1]) or next;
        setsockopt($socket, 41, 26, pack('i', 0));
        bind($socket, sockaddr_in6(80, "\0" x 16)) or die "bind: $!";
        $kind->[0] == SOCK_DGRAM or listen($socket, 128) or die "listen: $!";
        $sockets{fileno $socket} = [$socket, $kind->[0]];
        vec($bits, fileno $socket, 1) = 1;
    }
    while (1) {
        select(my $ready = $bits, undef, undef, undef) > 0 or next;
        for my $number (grep { vec($ready, $_, 1) } keys %sockets) {
            my ($socket, $kind) = @{$sockets{$number}};
            if ($kind == SOCK_DGRAM) {
                my $from = recv($socket, my $asked, 100, 0) // next;
                send($socket, $name, 0, $from);
            } elsif (accept(my $client, $socket)) {
                syswrite($client, $name);
            }
        }
    }
"#;

/// A host's server; it goes with the test.
struct Server(Child);

impl Server {
    fn on(machine: &Machine, name: &str) -> Self {
        let mut command = machine.command("perl");
        let child = command.args(["-e", SERVER, name]).stdin(Stdio::null());
        Self(child.spawn().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is tried with a protocol.
#[derive(Clone, Copy)]
struct Speech {
    kind: SocketType,
    protocol: Protocol,
}

const TCP: Speech = Speech {
    kind: SocketType::STREAM,
    protocol: ipproto::TCP,
};
const UDP: Speech = Speech {
    kind: SocketType::DGRAM,
    protocol: ipproto::UDP,
};
const SCTP: Speech = Speech {
    kind: SocketType::STREAM,
    protocol: ipproto::SCTP,
};

/// How long silence means that it is shut.
const SILENCE: Duration = Duration::from_secs(2);

/// Until when an answer must have come that there should be.
const PATIENCE: Duration = Duration::from_secs(60);

impl Speech {
    fn socket(self, family: AddressFamily) -> Result<std::os::fd::OwnedFd, Errno> {
        socket_with(family, self.kind, SocketFlags::CLOEXEC, Some(self.protocol))
    }

    /// Asks once; what goes wrong is the end of it.
    fn ask(self, to: SocketAddr) -> Result<String, Errno> {
        let family = match to.is_ipv4() {
            true => AddressFamily::INET,
            false => AddressFamily::INET6,
        };
        let socket = self.socket(family)?;
        for way in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(&socket, way, Some(SILENCE))?;
        }
        // A server with several addresses may answer a datagram by another one.
        match self.kind {
            SocketType::DGRAM => sendto(&socket, b"asked", SendFlags::empty(), &to).map(drop)?,
            _ => connect(&socket, &to)?,
        }
        let mut answer = [0; 100];
        let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    /// Who answers in the network of `namespace`: asked again until it is the one who should.
    fn hears(self, namespace: &File, to: SocketAddr, wanted: &str) -> String {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = self.ask(to).unwrap_or_default();
            if heard == wanted || wanted.is_empty() || Instant::now() > deadline {
                return heard;
            }
        }
    }
}

/// The machine, its neighbour, and containers on all kinds of networks.
struct Scene {
    // Whoever is on a machine goes before it.
    wharf: Wharf,
    _servers: [Server; 2],
    machine: Machine,
    outside: Machine,
}

impl Scene {
    fn new() -> Option<Self> {
        let (machine, outside) = (Machine::new()?, Machine::new()?);
        machine.wire(&outside);
        let scene = Self {
            wharf: machine.wharf(),
            _servers: [
                Server::on(&machine, "host"),
                Server::on(&outside, "outside"),
            ],
            machine,
            outside,
        };
        for (name, number, flags) in [
            ("a", "20", &[][..]),
            ("b", "30", &[]),
            ("i", "40", &["--internal"]),
            ("x", "50", &["-o", "icc=false"]),
        ] {
            scene.network(name, number, flags);
        }
        Some(scene)
    }

    /// A network to which the neighbour knows the way.
    fn network(&self, name: &str, number: &str, flags: &[&str]) {
        let (v4, v6) = (format!("10.{number}.0.0/24"), format!("fd00:{number}::/64"));
        let create = [
            "network", "create", "--ipv6", "--subnet", &v4, "--subnet", &v6,
        ];
        self.wharf.ok(&[&create[..], flags, &[name]].concat());
        for (net, (host4, host6)) in [(&v4, HOST), (&v6, HOST)] {
            let way = if net.contains(':') { host6 } else { host4 };
            self.outside.ok("ip", &["route", "add", net, "via", way]);
        }
    }

    /// Starts a container of the network with its first letter, with published ports: what stands
    /// before their protocol.
    fn start(&self, name: &str, (v4, v6): Place, published: &[&str], protocols: &[&str]) {
        let run = ["run", "-d", "--name", name, "--network", &name[..1]];
        let addresses = ["--ip", v4, "--ip6", v6];
        let published = published.iter().flat_map(|port| {
            protocols
                .iter()
                .map(move |protocol| format!("{port}/{protocol}"))
        });
        let published: Vec<String> = published.flat_map(|port| ["-p".to_owned(), port]).collect();
        let published: Vec<&str> = published.iter().map(String::as_str).collect();
        let serve = ["host", "perl", "-e", SERVER, name];
        self.wharf
            .ok(&[&run[..], &addresses, &published, &serve].concat());
    }

    fn start_all(&self, protocols: &[&str]) {
        let one = ["192.0.2.1:7000:80", "[2001:db8::1]:7000:80"];
        self.start("a1", A1, &["8080:80"], protocols);
        self.start("a2", A2, &one, protocols);
        self.start("b1", B1, &["127.0.0.1:9000:80"], protocols);
        self.start("i1", I1, &[], protocols);
        self.start("i2", I2, &[], protocols);
        self.start("x1", X1, &[], protocols);
        self.start("x2", X2, &["6000:80"], protocols);
    }

    fn namespace(&self, name: &str) -> File {
        let path = match name {
            "host" => self.machine.namespace(),
            "outside" => self.outside.namespace(),
            _ => {
                let pid = self.wharf.inspect(name, "/State/Pid");
                format!("/proc/{pid}/ns/net").into()
            }
        };
        File::open(path).unwrap()
    }

    /// Tries all ways with bridges that obey the IP firewall, if there are any, and without.
    fn try_all(&self, speeches: &[(&str, Speech)]) {
        let (from, to, port) = BESIDE;
        for (obey, beside) in [("1", ""), ("0", "x2")] {
            let set = format!(
                "cd /proc/sys/net/bridge 2>/dev/null || exit {obey}
                for family in ip ip6; do echo {obey} >bridge-nf-call-${{family}}tables; done"
            );
            if self.machine.run("sh", &["-c", &set]).code == 0 {
                let ways = WAYS.into_iter().chain([(from, to, port, beside)]);
                self.try_ways(&ways.collect::<Vec<_>>(), speeches);
            }
        }
    }

    /// Tries these ways at once.
    fn try_ways(&self, ways: &[Way], speeches: &[(&str, Speech)]) {
        let names = ["host", "outside", "a1", "a2", "b1", "i1", "i2", "x1", "x2"];
        let namespaces = names.map(|name| (name, self.namespace(name)));
        // All servers are there before anybody is asked.
        for (name, namespace) in &namespaces {
            let itself = SocketAddr::new("::1".parse().unwrap(), 80);
            for (word, speech) in speeches {
                let heard = || speech.hears(namespace, itself, name);
                let heard = std::thread::scope(|scope| scope.spawn(heard).join().unwrap());
                assert_eq!(heard, *name, "{word}");
            }
        }
        let namespace_of = |name| {
            &namespaces
                .iter()
                .find(|(other, _)| *other == name)
                .unwrap()
                .1
        };
        let wrong: Vec<String> = std::thread::scope(|scope| {
            let mut tries = Vec::new();
            for &(from, (v4, v6), port, answers) in ways {
                let addresses = [v4, v6].into_iter().filter(|address| !address.is_empty());
                for (address, (word, speech)) in addresses
                    .flat_map(|address| speeches.iter().map(move |speech| (address, speech)))
                {
                    let to = SocketAddr::new(address.parse().unwrap(), port);
                    let namespace = namespace_of(from);
                    let ask = move || speech.hears(namespace, to, answers);
                    tries.push((format!("{from} to {to}/{word}"), answers, scope.spawn(ask)));
                }
            }
            let heard = tries.into_iter().map(|(way, wanted, asked)| {
                let heard = asked.join().unwrap();
                (heard != wanted).then(|| format!("{way}: {heard:?} instead of {wanted:?}"))
            });
            heard.collect::<Vec<_>>().into_iter().flatten().collect()
        });
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn everybody_reaches_whom_they_should_and_nobody_else() {
    let Some(scene) = Scene::new() else {
        return;
    };
    scene.start_all(&["tcp", "udp"]);
    scene.try_all(&[("tcp", TCP), ("udp", UDP)]);
}

#[test]
fn sctp_reaches_whom_it_should_and_nobody_else() {
    if let Err(errno) = SCTP.socket(AddressFamily::INET) {
        println!("skipped: the kernel speaks no SCTP: {errno}");
        return;
    }
    let Some(scene) = Scene::new() else {
        return;
    };
    scene.start_all(&["sctp"]);
    scene.try_all(&[("sctp", SCTP)]);
}
