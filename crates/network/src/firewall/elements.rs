//! What the table says: a network and a published port as elements of its sets and maps, told in
//! one message and taken back.

use std::net::IpAddr;

use rustix::io::Errno;

use super::nft::{Element, Nft};
use super::table;
use crate::error::Error;
use crate::model::{Endpoint, Network};
use crate::ports::{Port, Protocol};

/// Something that the sets and maps of the table say.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// A network is there.
    Network(&'a Network),
    /// An endpoint's port is published.
    Port(&'a Endpoint, &'a Port),
}

/// Lets the table say this. False when there is no such table.
///
/// # Errors
/// When the kernel refuses.
pub fn say(new: &[Said<'_>]) -> Result<bool, Error> {
    let mut nft = Nft::open()?;
    let elements = new.iter().flat_map(|said| elements_of(*said));
    elements.for_each(|element| nft.add_element(&element));
    match nft.commit() {
        Err(error) if error.errno() == Some(Errno::NOENT) => Ok(false),
        said => said.map(|()| true),
    }
}

/// Makes the table anew, in the place of what there is of it, saying all this.
///
/// # Errors
/// When the kernel refuses.
pub fn make(all: &[Said<'_>]) -> Result<(), Error> {
    let mut nft = Nft::open()?;
    table::make(&mut nft);
    let elements = all.iter().flat_map(|said| elements_of(*said));
    elements.for_each(|element| nft.add_element(&element));
    nft.commit()
}

/// Removes the table, if it is there.
///
/// # Errors
/// When the kernel refuses.
pub fn remove() -> Result<(), Error> {
    let mut nft = Nft::open()?;
    table::remove(&mut nft);
    nft.commit()
}

/// Lets the table say this no more; what it does not say is no error.
///
/// # Errors
/// When the kernel refuses.
pub fn unsay(old: &[Said<'_>]) -> Result<(), Error> {
    let mut nft = Nft::open()?;
    for said in old {
        for element in elements_of(*said) {
            // One that is missing must not keep the others.
            nft.delete_element(&element);
            match nft.commit() {
                Err(error) if error.errno() == Some(Errno::NOENT) => {}
                done => done?,
            }
        }
    }
    Ok(())
}

fn elements_of(said: Said<'_>) -> Vec<Element> {
    match said {
        Said::Network(network) => of_network(network),
        Said::Port(endpoint, port) => of_port(endpoint, port).into_iter().collect(),
    }
}

fn of_network(network: &Network) -> Vec<Element> {
    let bridge = interface(&network.bridge);
    let mut elements = vec![Element::of_set(table::BRIDGES, bridge.clone())];
    if !network.isolates_members {
        let pair = [bridge.clone(), bridge.clone()].concat();
        elements.push(Element::of_set(table::PAIRS, pair));
    }
    if network.internal {
        elements.push(Element::of_set(table::INTERNAL, bridge));
    } else if !network.keeps_addresses {
        elements.push(Element::of_set(table::MASQUERADED, bridge));
    }
    elements
}

/// A published port, where its endpoint has an address of the family.
fn of_port(endpoint: &Endpoint, port: &Port) -> Option<Element> {
    let is_v4 = port.host.is_ipv4();
    let inside = match is_v4 {
        true => endpoint.ipv4(),
        false => endpoint.ipv6(),
    }?;
    let mut key = Vec::new();
    let map = match (port.host.is_unspecified(), is_v4) {
        (true, true) => table::ANY4,
        (true, false) => table::ANY6,
        (false, true) => table::ON4,
        (false, false) => table::ON6,
    };
    if !port.host.is_unspecified() {
        key.extend(octets(port.host));
    }
    key.extend([number(port.protocol), 0, 0, 0]);
    key.extend(padded(port.host_port));
    let mut data = octets(inside.addr());
    data.extend(padded(port.port));
    Some(Element {
        set: map,
        key,
        data: Some(data),
    })
}

/// The name of a device as a key.
fn interface(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A port in its own word.
fn padded(port: u16) -> [u8; 4] {
    let [high, low] = port.to_be_bytes();
    [high, low, 0, 0]
}

/// The number of a protocol in a packet.
fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}
