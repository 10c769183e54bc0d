//! What a network and a connection to one are, as data: the engine writes both down and hands them
//! back.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::bandwidth::Rates;
use crate::ports::Port;

/// A network: a bridge, and the subnets on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// The id, 64 digits.
    pub id: String,
    /// The name of its bridge.
    pub bridge: String,
    /// The largest packet; the kernel's default without.
    pub mtu: Option<u32>,
    /// At most one of each family.
    pub subnets: Vec<Subnet>,
    /// Whether nothing leads out of it.
    pub internal: bool,
    /// Whether its containers must not reach each other.
    pub isolates_members: bool,
    /// Whether its containers are seen outside by their own addresses.
    pub keeps_addresses: bool,
}

/// The addresses of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// All of them.
    pub net: IpNet,
    /// Where those of containers come from, if not from all.
    pub range: Option<IpNet>,
    /// The bridge's own.
    pub gateway: IpAddr,
}

/// How one network namespace is connected to one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// The network.
    pub network: Network,
    /// The name of the device in the namespace.
    pub interface: String,
    /// The name of its other end.
    pub host_interface: String,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Its addresses, each with its subnet.
    pub addresses: Vec<IpNet>,
    /// The ways out, if they are this network's.
    pub gateways: Vec<IpAddr>,
    /// Its published ports.
    pub ports: Vec<Port>,
    /// How fast it may receive and send.
    pub rates: Rates,
}

impl Network {
    /// The subnet of the addresses like this one.
    pub fn subnet_like(&self, address: IpAddr) -> Option<&Subnet> {
        let is_v4 = address.is_ipv4();
        self.subnets
            .iter()
            .find(|subnet| subnet.net.addr().is_ipv4() == is_v4)
    }

    /// Whether it has addresses of IPv6.
    pub fn has_ipv6(&self) -> bool {
        self.subnets
            .iter()
            .any(|subnet| subnet.net.addr().is_ipv6())
    }
}

impl Endpoint {
    /// Whether it has an address of IPv6.
    pub fn has_ipv6(&self) -> bool {
        self.addresses.iter().any(|net| net.addr().is_ipv6())
    }

    /// Its address of IPv4.
    pub fn ipv4(&self) -> Option<IpNet> {
        self.addresses
            .iter()
            .copied()
            .find(|net| net.addr().is_ipv4())
    }

    /// Its address of IPv6.
    pub fn ipv6(&self) -> Option<IpNet> {
        self.addresses
            .iter()
            .copied()
            .find(|net| net.addr().is_ipv6())
    }
}

impl Subnet {
    /// Where containers' addresses come from.
    pub fn pool(&self) -> IpNet {
        self.range.unwrap_or(self.net)
    }

    /// The gateway with its subnet.
    pub fn gateway_net(&self) -> Option<IpNet> {
        IpNet::new(self.gateway, self.net.prefix_len()).ok()
    }
}
