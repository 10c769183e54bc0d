//! What `inspect` and `ps` say about a container's networks, in Docker's words.

use std::collections::BTreeMap;

use ipnet::IpNet;
use network::mac_text;
use serde::Serialize;

use super::config::{ContainerConfig, NetworkWish, Sharing};
use super::networking::{Connection, endpoint_id};
use super::record::Record;

/// `NetworkSettings` of `inspect`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NetworkSettings {
    #[serde(rename = "SandboxID")]
    sandbox_id: String,
    ports: BTreeMap<String, Option<Vec<HostPort>>>,
    #[serde(flatten)]
    first: Addresses,
    networks: BTreeMap<String, Option<Connected>>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct HostPort {
    #[serde(rename = "HostIp")]
    host_ip: String,
    #[serde(rename = "HostPort")]
    host_port: String,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Addresses {
    #[serde(rename = "EndpointID")]
    endpoint_id: String,
    #[serde(rename = "Gateway")]
    gateway: String,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: String,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: String,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    #[serde(rename = "MacAddress")]
    mac_address: String,
}

#[derive(Debug, Serialize)]
struct Connected {
    #[serde(rename = "IPAMConfig")]
    wished: Wished,
    #[serde(rename = "Aliases")]
    aliases: Vec<String>,
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(flatten)]
    addresses: Addresses,
}

#[derive(Debug, Serialize)]
struct Wished {
    #[serde(rename = "IPv4Address", skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(rename = "IPv6Address", skip_serializing_if = "Option::is_none")]
    ip6: Option<String>,
}

/// Docker's word for where a container's network comes from.
pub(super) fn network_mode(config: &ContainerConfig) -> String {
    match config.networks.first() {
        Some(wish) => wish.network.clone(),
        None => config.namespaces.network.to_string(),
    }
}

impl Record {
    /// The names of its networks; `none`, `host` or `container:NAME` when it has none of its own.
    pub fn network_names(&self) -> Vec<String> {
        match self.config.networks.as_slice() {
            [] => vec![self.config.namespaces.network.to_string()],
            wishes => wishes.iter().map(|wish| wish.network.clone()).collect(),
        }
    }
}

/// What `inspect` says: of a container that does not run only which networks it will have.
pub(super) fn network_settings(record: &Record, connections: &[Connection]) -> NetworkSettings {
    let of_wish = |wish: &NetworkWish| {
        let connection = connections
            .iter()
            .find(|connection| connection.name == wish.network);
        (
            wish.network.clone(),
            Some(connected(record, wish, connection)),
        )
    };
    let mut networks: BTreeMap<_, _> = record.config.networks.iter().map(of_wish).collect();
    if networks.is_empty() && !matches!(record.config.namespaces.network, Sharing::Path(_)) {
        networks.insert(record.config.namespaces.network.to_string(), None);
    }
    NetworkSettings {
        ports: ports(record, connections),
        sandbox_id: connections
            .first()
            .map(|_| record.id.clone())
            .unwrap_or_default(),
        first: connections
            .first()
            .map(|first| addresses(record, first))
            .unwrap_or_default(),
        networks,
    }
}

/// All exposed ports of a container that runs, each with what of the machine ends there.
fn ports(record: &Record, connections: &[Connection]) -> BTreeMap<String, Option<Vec<HostPort>>> {
    let mut ports: BTreeMap<String, Option<Vec<HostPort>>> = BTreeMap::new();
    if !connections.is_empty() {
        let exposed = record
            .config
            .exposed
            .iter()
            .filter(|port| !port.contains('-'));
        ports.extend(exposed.map(|port| match port.contains('/') {
            true => (port.clone(), None),
            false => (format!("{port}/tcp"), None),
        }));
    }
    for port in connections
        .iter()
        .flat_map(|connection| &connection.endpoint.ports)
    {
        let key = format!("{}/{}", port.port, port.protocol);
        ports
            .entry(key)
            .or_default()
            .get_or_insert_default()
            .push(HostPort {
                host_ip: port.host.to_string(),
                host_port: port.host_port.to_string(),
            });
    }
    ports
}

/// `PortBindings` of `inspect`: what was asked for.
pub(super) fn port_bindings(config: &ContainerConfig) -> BTreeMap<String, Vec<HostPort>> {
    let mut bindings: BTreeMap<String, Vec<HostPort>> = BTreeMap::new();
    for wish in &config.ports {
        let key = format!("{}/{}", wish.port, wish.protocol);
        bindings.entry(key).or_default().push(HostPort {
            host_ip: wish.host.map(|host| host.to_string()).unwrap_or_default(),
            host_port: wish
                .host_port
                .map(|port| port.to_string())
                .unwrap_or_default(),
        });
    }
    bindings
}

fn connected(record: &Record, wish: &NetworkWish, connection: Option<&Connection>) -> Connected {
    let text = |address: std::net::IpAddr| address.to_string();
    Connected {
        wished: Wished {
            ip: wish.ip.map(|ip| text(ip.into())),
            ip6: wish.ip6.map(|ip| text(ip.into())),
        },
        aliases: wish.aliases.clone(),
        network_id: connection
            .map(|c| c.endpoint.network.id.clone())
            .unwrap_or_default(),
        addresses: connection.map(|c| addresses(record, c)).unwrap_or_default(),
    }
}

fn addresses(record: &Record, connection: &Connection) -> Addresses {
    let endpoint = &connection.endpoint;
    let text = |net: Option<IpNet>| net.map(|net| net.addr().to_string()).unwrap_or_default();
    let prefix = |net: Option<IpNet>| net.map(|net| net.prefix_len()).unwrap_or_default();
    let gateway = |v4: bool| {
        let mut gateways = endpoint
            .gateways
            .iter()
            .filter(|gateway| gateway.is_ipv4() == v4);
        gateways
            .next()
            .map(|gateway| gateway.to_string())
            .unwrap_or_default()
    };
    let (v4, v6) = (endpoint.ipv4(), endpoint.ipv6());
    Addresses {
        endpoint_id: endpoint_id(&record.id, &endpoint.network.id),
        gateway: gateway(true),
        ip_address: text(v4),
        ip_prefix_len: prefix(v4),
        ipv6_gateway: gateway(false),
        global_ipv6_address: text(v6),
        global_ipv6_prefix_len: prefix(v6),
        mac_address: mac_text(endpoint.mac),
    }
}
