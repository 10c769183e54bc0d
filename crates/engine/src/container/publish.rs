//! Published ports: which ones a container wants, where they end, and what is said about them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use network::{Endpoint, Port, Protocol};
use serde_json::Value;

use super::announce::live_connections;
use super::config::{ContainerConfig, PortWish};
use super::find::RECORD;
use super::networking::{Connection, connections};
use super::record::Record;
use crate::{Engine, Error, Paths};

/// Adds the ports that the image says its program listens on, and publishes all of them if that was
/// asked for.
pub(super) fn take_exposed(
    config: &mut ContainerConfig,
    image: &BTreeMap<String, Value>,
) -> Result<(), Error> {
    let of_image = image.get("ExposedPorts").and_then(Value::as_object);
    let of_image = of_image.into_iter().flat_map(|ports| ports.keys().cloned());
    let all: BTreeSet<String> = of_image
        .chain(std::mem::take(&mut config.exposed))
        .collect();
    for text in &all {
        let (ports, protocol) = parse_ports(text)?;
        let is_published = |port: u16| {
            let mut known = config.ports.iter();
            known.any(|wish| wish.port == port && wish.protocol == protocol)
        };
        let missing: Vec<u16> = ports.filter(|port| !is_published(*port)).collect();
        if config.publish_all {
            config
                .ports
                .extend(missing.into_iter().map(|port| PortWish {
                    protocol,
                    host: None,
                    host_port: None,
                    port,
                }));
        }
    }
    config.exposed = all.into_iter().collect();
    Ok(())
}

/// `80`, `80/udp` or `80-90/tcp`.
///
/// # Errors
/// [`Error::Invalid`] when it is neither.
pub fn parse_ports(text: &str) -> Result<(std::ops::RangeInclusive<u16>, Protocol), Error> {
    let wrong = || Error::Invalid {
        what: "exposed port",
        why: format!("{text:?}: expected PORT[-PORT][/tcp|udp|sctp]"),
    };
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = Protocol::parse(protocol).ok_or_else(wrong)?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let number = |text: &str| {
        text.parse::<u16>()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(wrong)
    };
    let (first, last) = (number(first)?, number(last)?);
    match first <= last {
        true => Ok((first..=last, protocol)),
        false => Err(wrong()),
    }
}

/// Gives the ports to the connection that leads out.
pub(super) fn assign(wishes: &[PortWish], made: &mut [Connection]) -> Result<(), Error> {
    if wishes.is_empty() {
        return Ok(());
    }
    let mut ways_out = made.iter_mut().map(|connection| &mut connection.endpoint);
    let Some(endpoint) = ways_out.find(|endpoint| !endpoint.gateways.is_empty()) else {
        return Err(Error::Invalid {
            what: "published port",
            why: "none of the container's networks leads out".to_owned(),
        });
    };
    let ports = wishes.iter().flat_map(|wish| ports_of(wish, endpoint));
    endpoint.ports = ports.collect::<Result<_, _>>()?;
    Ok(())
}

/// The name of the container that has a port, which the container `id` wants.
pub(super) fn publisher(paths: &Paths, port: &Port, id: &str) -> Option<String> {
    let conflicts = |other: &Port| {
        let is_same =
            other.host == port.host || other.host.is_unspecified() || port.host.is_unspecified();
        is_same
            && other.host.is_ipv4() == port.host.is_ipv4()
            && (other.protocol, other.host_port) == (port.protocol, port.host_port)
    };
    let (owner, _) = live_connections(paths)
        .into_iter()
        .find(|(other, connection)| {
            other != id && connection.endpoint.ports.iter().any(conflicts)
        })?;
    let record: Option<Record> = store::read_json(&paths.data_dir(&owner).join(RECORD)).ok()?;
    Some(record?.name)
}

/// Finds what is wrong with a wish on every machine.
pub(super) fn check(wish: &PortWish) -> Result<(), Error> {
    match wish.host {
        Some(IpAddr::V6(host)) if host.is_loopback() => Err(Error::Unsupported {
            what: format!("publishing on [{host}]"),
            why: "the kernel passes nothing on that was sent to it: publish on 127.0.0.1",
        }),
        _ => Ok(()),
    }
}

/// The ports of a wish: all addresses of the machine are those of both families, as far as the
/// container has an address of it.
fn ports_of(wish: &PortWish, endpoint: &Endpoint) -> Vec<Result<Port, Error>> {
    let hosts = match wish.host {
        Some(host) => vec![host],
        None if endpoint.has_ipv6() => {
            vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
        }
        None => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)],
    };
    let of_host = |host: IpAddr| match host.is_ipv4() || endpoint.has_ipv6() {
        true => Ok(Port {
            protocol: wish.protocol,
            host,
            host_port: wish.host_port.unwrap_or(0),
            port: wish.port,
        }),
        false => Err(Error::Invalid {
            what: "published port",
            why: format!("{host} is an address of IPv6, and the network has none"),
        }),
    };
    hosts.into_iter().map(of_host).collect()
}

impl Engine {
    /// The published ports of a container that runs.
    ///
    /// # Errors
    /// When its connections cannot be read.
    pub fn ports(&self, record: &Record) -> Result<Vec<Port>, Error> {
        if record.config.ports.is_empty() {
            return Ok(Vec::new());
        }
        let all = connections(&self.paths, &record.id)?.into_iter();
        let mut ports: Vec<Port> = all
            .flat_map(|connection| connection.endpoint.ports)
            .collect();
        ports.sort_by_key(|port| (port.port, port.protocol, port.host));
        Ok(ports)
    }
}
