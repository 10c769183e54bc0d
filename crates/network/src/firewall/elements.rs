//! What the table says: a network and a published port as elements of its sets and maps, told in
//! one message and taken back.

use std::net::IpAddr;

use rustix::io::Errno;

use super::Firewall;
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

impl Firewall {
    /// Lets the table say this. False when there is no such table, or when it says something else
    /// of one of the ports.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn say(&self, new: &[Said<'_>]) -> Result<bool, Error> {
        let mut nft = Nft::open(&self.table)?;
        let elements = new.iter().flat_map(|said| elements_of(*said));
        elements.for_each(|element| nft.add_element(&element));
        match nft.commit() {
            Err(error) if matches!(error.errno(), Some(Errno::NOENT | Errno::EXIST)) => Ok(false),
            said => said.map(|()| true),
        }
    }

    /// Lets the table say this instead of what it says of these ports: of somebody who is gone.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn say_instead(&self, new: &[Said<'_>]) -> Result<(), Error> {
        let mut nft = Nft::open(&self.table)?;
        let elements: Vec<Element> = new.iter().flat_map(|said| elements_of(*said)).collect();
        let mut stale = Vec::new();
        for element in &elements {
            let data = nft.element(element)?;
            if data.is_some() && element.data.is_some() && data != element.data {
                stale.push(element);
            }
        }
        stale
            .into_iter()
            .for_each(|element| nft.delete_element(element));
        elements.iter().for_each(|element| nft.add_element(element));
        nft.commit()
    }

    /// Makes the table anew, in the place of what there is of it, saying all this.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn make(&self, all: &[Said<'_>]) -> Result<(), Error> {
        let mut nft = Nft::open(&self.table)?;
        table::make(&mut nft);
        let elements = all.iter().flat_map(|said| elements_of(*said));
        elements.for_each(|element| nft.add_element(&element));
        nft.commit()
    }

    /// Removes the table, if it is there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self) -> Result<(), Error> {
        let mut nft = Nft::open(&self.table)?;
        table::remove(&mut nft);
        nft.commit()
    }

    /// Lets the table say this no more; what it does not say, or of somebody else, is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn unsay(&self, old: &[Said<'_>]) -> Result<(), Error> {
        let mut nft = Nft::open(&self.table)?;
        let elements: Vec<Element> = old.iter().flat_map(|said| elements_of(*said)).collect();
        loop {
            let mut there = Vec::new();
            for element in &elements {
                if nft.element(element)? == Some(element.data.clone().unwrap_or_default()) {
                    there.push(element);
                }
            }
            there
                .into_iter()
                .for_each(|element| nft.delete_element(element));
            match nft.commit() {
                // Somebody flushed it meanwhile.
                Err(error) if error.errno() == Some(Errno::NOENT) => {}
                done => return done,
            }
        }
    }
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
