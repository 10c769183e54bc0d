//! What a network is made of: the document of `network explain`.

use ipnet::IpNet;
use network::{Counted, Filter, Interface, own_interfaces};
use serde::Serialize;

use super::network::NetworkRecord;
use crate::container::{Attachment, attachment};
use crate::{Engine, Error};

/// Everything that a network is made of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkExplanation {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `bridge`, or `host` and `null` for the two that are always there.
    pub driver: String,
    /// Whether nothing leads out of it.
    pub internal: bool,
    /// Whether its containers must not reach each other.
    pub isolates_members: bool,
    /// Whether its containers are seen outside by their own addresses.
    pub keeps_addresses: bool,
    /// Its subnets.
    pub subnets: Vec<Pool>,
    /// The name of its bridge.
    pub bridge: String,
    /// The bridge, once a container was connected.
    pub device: Option<Device>,
    /// Who is connected, by name.
    pub connected: Vec<Attachment>,
    /// The firewall, for who may look.
    pub firewall: Option<Rules>,
}

/// A subnet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pool {
    /// All of its addresses.
    pub subnet: IpNet,
    /// Where those of containers come from, if not from all.
    pub range: Option<IpNet>,
    /// The bridge's own.
    pub gateway: std::net::IpAddr,
    /// How many are leased.
    pub leased: usize,
}

/// A bridge.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Device {
    /// Whether packets go through it.
    pub is_up: bool,
    /// The largest packet.
    pub mtu: u32,
    /// What went between the machine and the network.
    pub traffic: Option<Interface>,
}

/// The rules that packets meet which are passed on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rules {
    /// The table with its family, as `inet wharf`. It is that of all networks.
    pub table: String,
    /// Its rules in the order in which packets meet them, with what they counted.
    pub rules: Vec<Counted>,
    /// Chains of other tables that may drop what these let pass.
    pub others: Vec<Filter>,
}

impl Engine {
    /// What a network is made of.
    ///
    /// # Errors
    /// [`Error::NoSuchNetwork`].
    pub fn explain_network(&self, name: &str) -> Result<NetworkExplanation, Error> {
        let record = self.network(name)?;
        let network = &record.network;
        let leased = network::holders(&self.paths.leases(record.id()));
        let subnets = network.subnets.iter().map(|subnet| Pool {
            subnet: subnet.net,
            range: subnet.range,
            gateway: subnet.gateway,
            leased: leased
                .iter()
                .filter(|(address, _)| subnet.net.contains(address))
                .count(),
        });
        let is_bridge = !network.bridge.is_empty();
        Ok(NetworkExplanation {
            internal: network.internal,
            isolates_members: network.isolates_members,
            keeps_addresses: network.keeps_addresses,
            subnets: subnets.collect(),
            bridge: network.bridge.clone(),
            device: is_bridge.then(|| device(&record)).flatten(),
            connected: self.attached(&record)?,
            firewall: is_bridge.then(|| self.rules()).flatten(),
            id: record.network.id,
            name: record.name,
            driver: record.driver,
        })
    }

    fn attached(&self, network: &NetworkRecord) -> Result<Vec<Attachment>, Error> {
        let connected = self.connected(network)?.into_iter();
        let mut attached: Vec<Attachment> = connected
            .map(|(record, connection)| {
                let pid = self.look(&record.id).ok().and_then(|(_, live)| live.pid);
                attachment(&record, pid, connection)
            })
            .collect();
        attached.sort_by(|a, b| a.container.cmp(&b.container));
        Ok(attached)
    }

    fn rules(&self) -> Option<Rules> {
        let firewall = self.paths.firewall();
        Some(Rules {
            rules: firewall.rules().ok()?,
            others: firewall.others().ok()?,
            table: format!("inet {}", firewall.table),
        })
    }
}

/// The bridge, as the kernel has it.
fn device(record: &NetworkRecord) -> Option<Device> {
    let bridge = network::look(&record.network).ok()??;
    let mut devices = own_interfaces().into_iter();
    Some(Device {
        is_up: bridge.is_up,
        mtu: bridge.mtu,
        traffic: devices.find(|device| device.name == record.network.bridge),
    })
}
