//! The connections of a container to networks: its devices with what went through them, and from
//! where its published ports can be reached.

use ipnet::IpNet;
use network::{Interface, interfaces, mac_text};
use serde::Serialize;

use crate::container::networking::{Connection, connections};
use crate::container::record::Record;
use crate::{Engine, Error};

/// A connection of a container to a network.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attachment {
    /// The network's name.
    pub network: String,
    /// The container's name.
    pub container: String,
    /// The container's id.
    pub id: String,
    /// The device in the container.
    pub interface: String,
    /// Its other end, a port of the network's bridge.
    pub host_interface: String,
    /// Its hardware address.
    pub mac: String,
    /// Its addresses, each with its subnet.
    pub addresses: Vec<IpNet>,
    /// The ways out, if they are this network's.
    pub gateways: Vec<std::net::IpAddr>,
    /// Other names that it has there.
    pub aliases: Vec<String>,
    /// What went through it, seen from the container.
    pub traffic: Option<Interface>,
    /// Its published ports.
    pub ports: Vec<PublishedPort>,
}

/// A published port.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishedPort {
    /// As `0.0.0.0:8080->80/tcp`.
    pub port: String,
    /// From where it can be reached, as far as the machine's own rules let it.
    pub reached_from: String,
}

impl Engine {
    /// The connections of a container, whose first process is `pid`.
    pub(super) fn attachments(&self, record: &Record, pid: i32) -> Result<Vec<Attachment>, Error> {
        let all = connections(&self.paths, &record.id)?.into_iter();
        Ok(all
            .map(|connection| attachment(record, Some(pid), connection))
            .collect())
    }
}

/// What is said of one connection.
pub(crate) fn attachment(record: &Record, pid: Option<i32>, connection: Connection) -> Attachment {
    let end = connection.endpoint;
    let devices = pid.map(interfaces).unwrap_or_default().into_iter();
    let ports = end.ports.iter().map(|port| PublishedPort {
        port: port.to_string(),
        reached_from: port.reached_from(),
    });
    Attachment {
        network: connection.name,
        container: record.name.clone(),
        id: record.id.clone(),
        ports: ports.collect(),
        traffic: { devices }.find(|device| device.name == end.interface),
        interface: end.interface,
        host_interface: end.host_interface,
        mac: mac_text(end.mac),
        addresses: end.addresses,
        gateways: end.gateways,
        aliases: connection.aliases,
    }
}
