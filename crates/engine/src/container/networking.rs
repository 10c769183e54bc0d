//! The networks of a container: which ones it gets (`config.rs` says what was asked for), its
//! connections while it runs, which are a document in its run directory, and their end. The
//! kernel's side is done by the monitor while init builds the root.

use std::collections::BTreeSet;
use std::path::PathBuf;

use network::Endpoint;
use serde::{Deserialize, Serialize};
use store::Durability;

use super::announce::withdraw;
use super::config::{ContainerConfig, NetworkWish, Sharing};
use super::record::Record;
use super::{layer, publish};
use crate::networks::{self, DEFAULT, NetworkRecord};
use crate::{Engine, Error, Paths};

/// The document with the connections of a running container, in its run directory.
pub(super) const NETWORKS: &str = "networks.json";

/// A connection of a container that runs, or is just being started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    /// The network's name.
    pub(crate) name: String,
    /// Other names that it has there.
    pub(crate) aliases: Vec<String>,
    /// Addresses and devices.
    pub(crate) endpoint: Endpoint,
}

/// The connections of the container `id`; none when it does not run.
pub(crate) fn connections(paths: &Paths, id: &str) -> Result<Vec<Connection>, Error> {
    Ok(store::read_json(&document(paths, id))?.unwrap_or_default())
}

fn document(paths: &Paths, id: &str) -> PathBuf {
    paths.run_dir(id).join(NETWORKS)
}

/// Docker's clients want an id for a connection; it follows from those of its ends.
pub(crate) fn endpoint_id(container: &str, network: &str) -> String {
    let half = |id: &str| id.get(..32).unwrap_or(id).to_owned();
    half(container) + &half(network)
}

impl Engine {
    /// Settles which networks a new container gets, and looks at everything about them that could
    /// be wrong.
    pub(super) fn take_networks(&self, config: &mut ContainerConfig) -> Result<(), Error> {
        let invalid = |why: String| Error::Invalid {
            what: "network",
            why,
        };
        let are_rates = config.resources.network.are_limits();
        if config.networks.is_empty() && config.ports.is_empty() && !are_rates {
            return Ok(());
        }
        config.ports.iter().try_for_each(publish::check)?;
        if config.namespaces.network != Sharing::Default && config.networks.is_empty() {
            let other = &config.namespaces.network;
            let what = match config.ports.is_empty() {
                true => "no rate can be kept to",
                false => "no port can be published",
            };
            return Err(invalid(format!("{what} with the network {other}")));
        }
        if config.networks.is_empty() {
            // A port is published, and a rate kept to, on the way to somewhere.
            config.networks.push(NetworkWish {
                network: DEFAULT.to_owned(),
                ..NetworkWish::default()
            });
        }
        if config.namespaces.network != Sharing::Default {
            let other = &config.namespaces.network;
            return Err(invalid(format!("{other} goes with no other network")));
        }
        self.require_networks()?;
        let mut seen = BTreeSet::new();
        for wish in &mut config.networks {
            let network = self.network(&wish.network)?;
            // By id it might be another one some day.
            wish.network.clone_from(&network.name);
            check_wish(&network, wish)?;
            if !seen.insert(network.name.clone()) {
                return Err(invalid(format!("{} was named twice", network.name)));
            }
        }
        Ok(())
    }

    /// Leases what a container needs that is just being started, and writes it down; gives back what
    /// is not as it should be.
    pub(super) fn connect_on_paper(&self, record: &Record) -> Result<Vec<String>, Error> {
        let wishes = &record.config.networks;
        if wishes.is_empty() {
            return Ok(Vec::new());
        }
        let mut made: Vec<Connection> = Vec::new();
        for (number, wish) in wishes.iter().enumerate() {
            let connection = self.network(&wish.network).and_then(|network| {
                self.lease(record, wish, &network, number, !has_way_out(&made))
            });
            match connection {
                Ok(connection) => made.push(connection),
                Err(error) => {
                    // The first error is the one to tell; what stays is swept.
                    let _ = free_connections(&self.paths, &made, &record.id);
                    return Err(error);
                }
            }
        }
        if let Err(error) = publish::assign(&record.config.ports, &mut made) {
            // The first error is the one to tell; what stays is swept.
            let _ = free_connections(&self.paths, &made, &record.id);
            return Err(error);
        }
        store::write_json(&document(&self.paths, &record.id), &made, Durability::Boot)?;
        layer::rewrite_host_files(record, &made)?;
        Ok(self.serve_names(&made))
    }

    /// Leases the addresses of one connection; its devices have the number `number`.
    pub(super) fn lease(
        &self,
        record: &Record,
        wish: &NetworkWish,
        network: &NetworkRecord,
        number: usize,
        is_way_out: bool,
    ) -> Result<Connection, Error> {
        let mut endpoint = networks::lease(&self.paths, network, wish, &record.id)?;
        endpoint.interface = format!("eth{number}");
        endpoint.host_interface = network::host_interface(&record.id, number);
        endpoint.rates = record.config.resources.network;
        if is_way_out && !network.network.internal {
            let subnets = network.network.subnets.iter();
            endpoint.gateways = subnets.map(|subnet| subnet.gateway).collect();
        }
        Ok(Connection {
            name: network.name.clone(),
            aliases: wish.aliases.clone(),
            endpoint,
        })
    }
}

/// Whether one of the connections leads out.
pub(super) fn has_way_out(connections: &[Connection]) -> bool {
    connections
        .iter()
        .any(|connection| !connection.endpoint.gateways.is_empty())
}

/// Finds what is wrong with a wish, but for an address that is taken.
pub(super) fn check_wish(network: &NetworkRecord, wish: &NetworkWish) -> Result<(), Error> {
    let invalid = |why: String| Error::Invalid {
        what: "network",
        why,
    };
    if network.driver != "bridge" {
        return Err(invalid(format!(
            "{} goes with no other network",
            network.name
        )));
    }
    let addresses = [wish.ip.map(Into::into), wish.ip6.map(Into::into)];
    for address in addresses.into_iter().flatten() {
        let subnet = network.network.subnet_like(address);
        if !subnet.is_some_and(|subnet| subnet.net.contains(&address)) {
            return Err(invalid(format!(
                "{address} is in no subnet of {}",
                network.name
            )));
        }
    }
    Ok(())
}

/// Frees the addresses of connections.
pub(super) fn free_connections(
    paths: &Paths,
    connections: &[Connection],
    id: &str,
) -> Result<(), Error> {
    let endpoints = connections.iter().map(|connection| &connection.endpoint);
    endpoints
        .into_iter()
        .try_for_each(|endpoint| networks::free(paths, endpoint, id))
}

/// Frees whatever a container held of networks. `is_known` says that all of it was written down.
pub(super) fn release(paths: &Paths, id: &str, is_known: bool) -> Result<(), Error> {
    if !is_known {
        return networks::free_all(paths, id);
    }
    let known = connections(paths, id)?;
    withdraw(paths, &known, || {
        for connection in &known {
            network::clear_up(&connection.endpoint)?;
        }
        free_connections(paths, &known, id)?;
        Ok(store::remove_tree(&document(paths, id))?)
    })
}
