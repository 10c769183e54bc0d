//! Making a network: a name, subnets that nobody else on the machine uses, and options. The kernel
//! hears of it when the first container is connected.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;

use ipnet::IpNet;
use network::{Network, Subnet, bridge_name, check_gateway, choose_ipv4, choose_ipv6, overlap};
use store::{Durability, Id};

use super::network::{self as record, DEFAULT, NETWORK_VERSION, NetworkRecord, made_networks};
use crate::claim::lock;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// What is asked of a new network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkRequest {
    /// Its name.
    pub name: String,
    /// At most one subnet of each family; an unused one of IPv4 without.
    pub subnets: Vec<IpNet>,
    /// Where addresses of containers come from, each part of a subnet.
    pub ranges: Vec<IpNet>,
    /// The bridge's addresses, each of a subnet; the first address without.
    pub gateways: Vec<IpAddr>,
    /// Whether it has addresses of IPv6.
    pub ipv6: bool,
    /// Whether nothing leads out of it.
    pub internal: bool,
    /// Kept for whoever asks.
    pub attachable: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
}

/// What Docker calls the driver's options, and we too for short.
const PREFIX: &str = "com.docker.network.";

impl Engine {
    /// Makes a network.
    ///
    /// # Errors
    /// A name that is taken, a subnet that overlaps another or a route of the host, an option that
    /// is none. Nothing is made then.
    pub fn create_network(&self, request: &NetworkRequest) -> Result<NetworkRecord, Error> {
        record::check(&request.name)?;
        if record::is_reserved(&request.name) || request.name == DEFAULT {
            return Err(Error::Invalid {
                what: "network name",
                why: format!(
                    "{:?} is the name of a network that is always there",
                    request.name
                ),
            });
        }
        self.require_networks()?;
        let network = self.make_network_record(request)?;
        let event = Event::of_network(network.id(), &network.name, &network.driver, "create");
        note(&self.paths, &[event]);
        Ok(network)
    }

    /// The default network, made when it is first looked at.
    pub(crate) fn default_network(&self) -> Result<NetworkRecord, Error> {
        if let Some(network) = record::read(&self.paths, DEFAULT)? {
            return Ok(network);
        }
        self.require_networks()?;
        let request = NetworkRequest {
            name: DEFAULT.to_owned(),
            ..NetworkRequest::default()
        };
        match self.make_network_record(&request) {
            Err(Error::NetworkExists { .. }) => self.default_network(),
            made => made,
        }
    }

    pub(crate) fn require_networks(&self) -> Result<(), Error> {
        match self.may_network() {
            true => Ok(()),
            false => Err(Error::Forbidden {
                what: "a bridge network".to_owned(),
                right: "CAP_NET_ADMIN and CAP_SYS_ADMIN over the host's network (networks without \
                        them are to come)",
            }),
        }
    }

    fn make_network_record(&self, request: &NetworkRequest) -> Result<NetworkRecord, Error> {
        let directory = self.paths.networks();
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|error| Error::io("making", &directory, error))?;
        let _lock = lock(&directory)?;
        if record::read(&self.paths, &request.name)?.is_some() {
            return Err(Error::NetworkExists {
                name: request.name.clone(),
            });
        }
        let id = Id::random();
        let mut network = Network {
            id: id.as_str().to_owned(),
            bridge: bridge_name(id.as_str()),
            internal: request.internal,
            subnets: self.subnets(request, id.as_str())?,
            ..Network::default()
        };
        for (name, value) in &request.options {
            set_option(&mut network, name, value)?;
        }
        let others = made_networks(&self.paths)?;
        if let Some(other) = others
            .iter()
            .find(|other| other.network.bridge == network.bridge)
        {
            return Err(invalid_option(
                "bridge name",
                &format!(
                    "{} is the bridge of the network {}",
                    network.bridge, other.name
                ),
            ));
        }
        let made = NetworkRecord {
            version: NETWORK_VERSION,
            name: request.name.clone(),
            created: store::time::now_rfc3339(),
            driver: "bridge".to_owned(),
            attachable: request.attachable,
            labels: request.labels.clone(),
            options: request.options.clone(),
            network,
        };
        store::write_json(
            &record::path(&self.paths, &made.name),
            &made,
            Durability::Durable,
        )?;
        Ok(made)
    }

    /// The subnets that were asked for, or unused ones.
    fn subnets(&self, request: &NetworkRequest, id: &str) -> Result<Vec<Subnet>, Error> {
        let mut nets: Vec<IpNet> = request.subnets.iter().map(IpNet::trunc).collect();
        let has = |nets: &[IpNet], v4: bool| nets.iter().any(|net| net.addr().is_ipv4() == v4);
        for (at, net) in nets.iter().enumerate() {
            self.check_free(*net)?;
            if nets
                .iter()
                .take(at)
                .any(|other| other.addr().is_ipv4() == net.addr().is_ipv4())
            {
                return Err(invalid(
                    "subnet",
                    format!("{net} is the second of its family"),
                ));
            }
            if !request.ipv6 && net.addr().is_ipv6() {
                return Err(invalid(
                    "subnet",
                    format!("{net} is one of IPv6: add --ipv6"),
                ));
            }
            if net.prefix_len() > net.max_prefix_len() - 2 {
                return Err(invalid(
                    "subnet",
                    format!("{net} has no room for containers"),
                ));
            }
        }
        let taken = self.taken_nets()?;
        if !has(&nets, true) {
            nets.push(choose_ipv4(&taken)?);
        }
        if request.ipv6 && !has(&nets, false) {
            nets.push(choose_ipv6(id, &taken)?);
        }
        nets.sort_by_key(|net| net.addr().is_ipv6());
        let subnets = nets
            .iter()
            .map(|net| subnet(*net, request))
            .collect::<Result<Vec<_>, _>>()?;
        check_all_used(request, &nets)?;
        Ok(subnets)
    }

    /// The subnets of our networks and of the host's routes.
    fn taken_nets(&self) -> Result<Vec<IpNet>, Error> {
        let ours = made_networks(&self.paths)?
            .into_iter()
            .flat_map(|other| other.network.subnets);
        let mut taken: Vec<IpNet> = ours.map(|subnet| subnet.net).collect();
        taken.extend(network::routed()?);
        Ok(taken)
    }

    fn check_free(&self, net: IpNet) -> Result<(), Error> {
        for other in made_networks(&self.paths)? {
            if let Some(subnet) = other.network.subnets.iter().find(|s| overlap(s.net, net)) {
                return Err(invalid(
                    "subnet",
                    format!(
                        "{net} overlaps {} of the network {}",
                        subnet.net, other.name
                    ),
                ));
            }
        }
        match network::routed()?
            .into_iter()
            .find(|route| overlap(*route, net))
        {
            Some(route) => Err(invalid(
                "subnet",
                format!("{net} overlaps the host's route to {route}"),
            )),
            None => Ok(()),
        }
    }
}

/// A subnet with the range and the gateway that were asked for.
fn subnet(net: IpNet, request: &NetworkRequest) -> Result<Subnet, Error> {
    let range = request
        .ranges
        .iter()
        .find(|range| net.contains(*range))
        .map(IpNet::trunc);
    let gateway = request
        .gateways
        .iter()
        .find(|gateway| net.contains(*gateway))
        .copied();
    let gateway = gateway.or_else(|| first(net));
    let gateway = gateway.ok_or_else(|| invalid("subnet", format!("{net} has no address")))?;
    check_gateway(gateway, net)?;
    Ok(Subnet {
        net,
        range,
        gateway,
    })
}

fn first(net: IpNet) -> Option<IpAddr> {
    net.hosts()
        .find(|address| check_gateway(*address, net).is_ok())
}

/// A range or a gateway of no subnet would be ignored.
fn check_all_used(request: &NetworkRequest, nets: &[IpNet]) -> Result<(), Error> {
    if let Some(range) = request
        .ranges
        .iter()
        .find(|range| !nets.iter().any(|net| net.contains(*range)))
    {
        return Err(invalid(
            "range",
            format!("{range} is part of no subnet of the network"),
        ));
    }
    let mut gateways = request.gateways.iter();
    match gateways.find(|gateway| !nets.iter().any(|net| net.contains(*gateway))) {
        Some(gateway) => Err(invalid(
            "gateway",
            format!("{gateway} is in no subnet of the network"),
        )),
        None => Ok(()),
    }
}

fn set_option(network: &mut Network, name: &str, value: &str) -> Result<(), Error> {
    let truth = || match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(invalid_option(
            name,
            &format!("{value:?} is neither true nor false"),
        )),
    };
    match name.strip_prefix(PREFIX).unwrap_or(name) {
        "driver.mtu" | "mtu" => {
            let mtu = value.parse().ok().filter(|mtu| (68..=65_535).contains(mtu));
            let wrong =
                || invalid_option(name, &format!("{value:?} is no number from 68 to 65535"));
            network.mtu = Some(mtu.ok_or_else(wrong)?);
        }
        "bridge.name" => {
            let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            let is_name = !value.is_empty() && value.len() <= 15 && value.bytes().all(is_valid);
            if !is_name || value == "." || value == ".." {
                return Err(invalid_option(
                    name,
                    &format!("{value:?} is no name of a device"),
                ));
            }
            value.clone_into(&mut network.bridge);
        }
        "bridge.enable_ip_masquerade" | "masquerade" => network.keeps_addresses = !truth()?,
        "bridge.enable_icc" | "icc" => network.isolates_members = !truth()?,
        _ => {
            return Err(Error::Unsupported {
                what: format!("the network option {name}"),
                why: "there are mtu, icc, masquerade and com.docker.network.bridge.name",
            });
        }
    }
    Ok(())
}

fn invalid(what: &'static str, why: String) -> Error {
    Error::Invalid { what, why }
}

fn invalid_option(name: &str, why: &str) -> Error {
    invalid("network option", format!("{name}: {why}"))
}
