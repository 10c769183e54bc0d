//! `-p`: ports of the machine that are passed on to the container.

use std::net::IpAddr;

use engine::{ContainerConfig, PortWish, Protocol};

/// Docker's flags.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct PublishFlags {
    /// Pass a port of the machine on, [[ADDRESS:]PORT:]PORT[/tcp|udp|sctp], or as many, PORT-PORT
    #[arg(short, long, value_name = "PORT", value_parser = ports)]
    publish: Vec<Ports>,
    /// Pass ports of the machine on to all that it exposes
    #[arg(short = 'P', long)]
    publish_all: bool,
    /// It listens on this port, PORT[-PORT][/tcp|udp|sctp]
    #[arg(long, value_name = "PORT")]
    expose: Vec<String>,
}

/// A value of `-p`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ports(Vec<PortWish>);

impl PublishFlags {
    /// Puts into the request what was asked for.
    pub(super) fn add_to(self, config: &mut ContainerConfig) {
        let ports = self.publish.into_iter().flat_map(|ports| ports.0);
        config.ports = ports.collect();
        config.publish_all = self.publish_all;
        config.exposed = self.expose;
    }
}

fn ports(text: &str) -> Result<Ports, String> {
    let wrong = |why: &str| format!("invalid port {text:?}: {why}");
    let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let protocol =
        Protocol::parse(protocol).ok_or_else(|| wrong("expected tcp, udp or sctp after the /"))?;
    let (host, inside) = match ports.rsplit_once(':') {
        Some((host, inside)) => (Some(host), inside),
        None => (None, ports),
    };
    let (address, outside) = match host.map(|host| host.rsplit_once(':').unwrap_or(("", host))) {
        Some((address, outside)) => (address, outside),
        None => ("", ""),
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let host: Option<IpAddr> = match address {
        "" => None,
        text => Some(text.parse().map_err(|_| wrong("its address is none"))?),
    };
    let inside = range(inside).ok_or_else(|| wrong("expected [[ADDRESS:]PORT:]PORT[/PROTOCOL]"))?;
    let outside = match outside {
        "" => None,
        text => Some(range(text).ok_or_else(|| wrong("the machine's port is none"))?),
    };
    if outside
        .as_ref()
        .is_some_and(|outside| outside.len() != inside.len())
    {
        return Err(wrong("there are not as many ports on both sides"));
    }
    let wish = |(at, port): (usize, &u16)| PortWish {
        protocol,
        host,
        host_port: outside
            .as_ref()
            .and_then(|outside| outside.get(at).copied()),
        port: *port,
    };
    Ok(Ports(inside.iter().enumerate().map(wish).collect()))
}

/// `80` or `80-90`.
fn range(text: &str) -> Option<Vec<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then(|| (first..=last).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (Option<String>, Option<u16>, u16, Protocol) {
        let wish = ports(text).unwrap().0[0];
        let host = wish.host.map(|host| host.to_string());
        (host, wish.host_port, wish.port, wish.protocol)
    }

    #[test]
    fn a_port_is_written_as_docker_writes_it() {
        let tcp = Protocol::Tcp;
        assert_eq!(one("80"), (None, None, 80, tcp));
        assert_eq!(one("8080:80/udp"), (None, Some(8080), 80, Protocol::Udp));
        assert_eq!(
            one("127.0.0.1:8080:80"),
            (Some("127.0.0.1".into()), Some(8080), 80, tcp)
        );
        assert_eq!(
            one("127.0.0.1::80"),
            (Some("127.0.0.1".into()), None, 80, tcp)
        );
        assert_eq!(
            one("[::1]:8080:80"),
            (Some("::1".into()), Some(8080), 80, tcp)
        );
        let many = ports("8000-8002:80-82").unwrap().0;
        assert_eq!(many.len(), 3);
        assert_eq!((many[2].host_port, many[2].port), (Some(8002), 82));
        for wrong in [
            "",
            "0",
            "80/icmp",
            "1:2:3:4",
            "8000-8001:80",
            "90-80",
            "x:80",
            "80:",
            "70000",
        ] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }
}
