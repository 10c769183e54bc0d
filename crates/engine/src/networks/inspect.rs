//! Everything about one network, in the shape of Docker's JSON.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use network::{Subnet, holders, mac_text};
use serde::Serialize;

use super::network::NetworkRecord;
use crate::container::{Connection, connections, endpoint_id};
use crate::{Engine, Error, Record};

/// A network as `docker network inspect` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkInspection {
    name: String,
    id: String,
    created: String,
    scope: &'static str,
    driver: String,
    #[serde(rename = "EnableIPv4")]
    enable_ipv4: bool,
    #[serde(rename = "EnableIPv6")]
    enable_ipv6: bool,
    #[serde(rename = "IPAM")]
    ipam: Ipam,
    internal: bool,
    attachable: bool,
    ingress: bool,
    containers: BTreeMap<String, Member>,
    options: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam {
    driver: &'static str,
    options: BTreeMap<String, String>,
    config: Vec<Pool>,
}

#[derive(Debug, Serialize)]
struct Pool {
    #[serde(rename = "Subnet")]
    subnet: String,
    #[serde(rename = "IPRange", skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    #[serde(rename = "Gateway")]
    gateway: String,
}

#[derive(Debug, Serialize)]
struct Member {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "EndpointID")]
    endpoint_id: String,
    #[serde(rename = "MacAddress")]
    mac_address: String,
    #[serde(rename = "IPv4Address")]
    ipv4_address: String,
    #[serde(rename = "IPv6Address")]
    ipv6_address: String,
}

impl Engine {
    /// Everything about a network.
    ///
    /// # Errors
    /// [`Error::NoSuchNetwork`].
    pub fn inspect_network(&self, name: &str) -> Result<NetworkInspection, Error> {
        let record = self.network(name)?;
        Ok(NetworkInspection {
            containers: self.members(&record)?,
            name: record.name,
            id: record.network.id.clone(),
            created: record.created,
            scope: "local",
            driver: record.driver,
            enable_ipv4: record
                .network
                .subnets
                .iter()
                .any(|s| s.net.addr().is_ipv4()),
            enable_ipv6: record.network.has_ipv6(),
            ipam: Ipam {
                driver: "default",
                options: BTreeMap::new(),
                config: record.network.subnets.iter().map(pool).collect(),
            },
            internal: record.network.internal,
            attachable: record.attachable,
            ingress: false,
            options: record.options,
            labels: record.labels,
        })
    }

    /// Who is connected, and how, by id.
    pub(super) fn connected(
        &self,
        network: &NetworkRecord,
    ) -> Result<Vec<(Record, Connection)>, Error> {
        let leases = holders(&self.paths.leases(network.id()));
        let ids: BTreeSet<String> = leases.into_iter().map(|(_, id)| id).collect();
        let mut members = Vec::new();
        for id in ids {
            let own = connections(&self.paths, &id)?.into_iter();
            let mut own = own.filter(|c| c.endpoint.network.id == network.network.id);
            // One without it is just being connected, or gone.
            if let (Some(connection), Ok(record)) = (own.next(), self.find(&id)) {
                members.push((record, connection));
            }
        }
        Ok(members)
    }

    /// Who is connected, as Docker says it.
    fn members(&self, network: &NetworkRecord) -> Result<BTreeMap<String, Member>, Error> {
        let mut members = BTreeMap::new();
        for (record, connection) in self.connected(network)? {
            let text = |net: Option<IpNet>| net.map(|net| net.to_string()).unwrap_or_default();
            let member = Member {
                name: record.name,
                endpoint_id: endpoint_id(&record.id, network.id()),
                mac_address: mac_text(connection.endpoint.mac),
                ipv4_address: text(connection.endpoint.ipv4()),
                ipv6_address: text(connection.endpoint.ipv6()),
            };
            members.insert(record.id, member);
        }
        Ok(members)
    }
}

fn pool(subnet: &Subnet) -> Pool {
    Pool {
        subnet: subnet.net.to_string(),
        range: subnet.range.map(|range| range.to_string()),
        gateway: subnet.gateway.to_string(),
    }
}
