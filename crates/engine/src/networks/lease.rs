//! Connecting a container on paper: addresses are leased, under the network's lock, so that it is
//! not removed meanwhile; and given back.

use std::fs::DirBuilder;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use ipnet::IpNet;
use network::{Endpoint, Leases, mac_of};

use super::network::{self as record, NetworkRecord};
use crate::claim::lock;
use crate::container::NetworkWish;
use crate::{Error, Paths};

/// Leases the addresses of a connection of the container `id`. It has no device names nor gateways
/// yet.
pub(crate) fn lease(
    paths: &Paths,
    network: &NetworkRecord,
    wish: &NetworkWish,
    id: &str,
) -> Result<Endpoint, Error> {
    let directory = paths.leases(network.id());
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .map_err(|error| Error::io("making", &directory, error))?;
    let _lock = lock(&directory)?;
    // It may have been removed before it was locked.
    if record::read(paths, &network.name)?.as_ref() != Some(network) {
        return Err(Error::NoSuchNetwork {
            name: network.name.clone(),
        });
    }
    let leases = Leases {
        directory: &directory,
        is_alive: |owner: &str| paths.run_dir(owner).symlink_metadata().is_ok(),
    };
    let wanted = [wish.ip.map(IpAddr::V4), wish.ip6.map(IpAddr::V6)];
    let mut addresses = Vec::new();
    for subnet in &network.network.subnets {
        let is_v4 = subnet.net.addr().is_ipv4();
        let mut wanted = wanted.iter().flatten().copied();
        let wanted = wanted.find(|address| address.is_ipv4() == is_v4);
        let address = match leases.lease(subnet, wanted, id) {
            Ok(address) => address,
            Err(error) => {
                // The first error is the one to tell; what stays is swept.
                let _ = free_in(&directory, &addresses, id);
                return Err(Error::of_network(&network.name, error));
            }
        };
        addresses.extend(IpNet::new(address, subnet.net.prefix_len()));
    }
    let first = addresses.first().map(IpNet::addr);
    Ok(Endpoint {
        network: network.network.clone(),
        mac: wish.mac.or_else(|| first.map(mac_of)).unwrap_or_default(),
        addresses,
        ..Endpoint::default()
    })
}

/// Frees what a container leased of one network.
pub(crate) fn free(paths: &Paths, endpoint: &Endpoint, id: &str) -> Result<(), Error> {
    free_in(&paths.leases(&endpoint.network.id), &endpoint.addresses, id)
}

fn free_in(directory: &Path, addresses: &[IpNet], id: &str) -> Result<(), Error> {
    addresses
        .iter()
        .try_for_each(|net| Ok(network::free(directory, net.addr(), id)?))
}

/// Frees whatever a container leased, wherever that is.
pub(crate) fn free_all(paths: &Paths, id: &str) -> Result<(), Error> {
    let networks = std::fs::read_dir(paths.all_leases()).into_iter().flatten();
    for directory in networks.flatten().map(|entry| entry.path()) {
        for (address, owner) in network::holders(&directory) {
            if owner == id {
                network::free(&directory, address, id)?;
            }
        }
    }
    Ok(())
}
