//! Flows that the kernel tracks. What a datagram is rewritten to is decided by the first one of its
//! flow: a flow that began before a port was published, or to who had it before, would go on as it
//! began, for as long as its sender does not pause. Such flows are forgotten, each by its own tuple.
//!
//! Source: linux/netfilter/nfnetlink_conntrack.h.

use std::net::IpAddr;

use rustix::io::Errno;
use rustix::net::netlink::NETFILTER;

use crate::address;
use crate::error::{Doing, Error};
use crate::model::Endpoint;
use crate::netlink::{ACK, Batch, Socket, all, attribute, find, nested};
use crate::ports::{Port, Protocol};

const SUBSYSTEM: u16 = 1 << 8;
const GET: u16 = SUBSYSTEM | 1;
const DELETE: u16 = SUBSYSTEM | 2;

/// Attributes of a flow.
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const ID: u16 = 12;
const ZONE: u16 = 18;

/// `nfgenmsg`: the family comes first.
const HEAD: usize = 4;

/// The number of UDP in a packet.
const UDP: u8 = 17;

/// A flow, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
struct Flow {
    /// Where its first datagram was sent to.
    to: (IpAddr, u16),
    /// Where its answers come from.
    from: (IpAddr, u16),
}

/// Forgets the flows to a port of this machine, which is just being published.
///
/// # Errors
/// When the kernel refuses.
pub fn forget_flows_to_host(port: &Port) -> Result<(), Error> {
    let mut own = None;
    forget(port, |flow| {
        let (address, number) = flow.to;
        number == port.host_port
            && match port.host.is_unspecified() {
                false => address == port.host,
                true => own.get_or_insert_with(address::own).contains(&address),
            }
    })
}

/// Forgets the flows that were sent on from a published port, which is one no more.
///
/// # Errors
/// When the kernel refuses.
pub fn forget_flows_to_container(endpoint: &Endpoint, port: &Port) -> Result<(), Error> {
    let addresses = endpoint.addresses.iter().map(ipnet::IpNet::addr);
    let ends: Vec<(IpAddr, u16)> = addresses.map(|address| (address, port.port)).collect();
    forget(port, |flow| {
        flow.to.1 == port.host_port && ends.contains(&flow.from)
    })
}

fn forget(port: &Port, mut is_stale: impl FnMut(&Flow) -> bool) -> Result<(), Error> {
    // Other protocols have an end that both sides see.
    if port.protocol != Protocol::Udp {
        return Ok(());
    }
    let doing = || format!("forgetting the flows to {port}");
    let mut socket = Socket::open(Some(NETFILTER)).doing(doing)?;
    let family = match port.host {
        IpAddr::V4(_) => 2,
        IpAddr::V6(_) => 10,
    };
    let head = [family, 0, 0, 0];
    let flows = match socket.dump(GET, &head) {
        // The kernel tracks flows, but does not speak about them.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(()),
        flows => flows.doing(doing)?,
    };
    for (_, flow) in flows {
        let attributes = flow.get(HEAD..).unwrap_or_default();
        if !read(attributes).is_some_and(|flow| is_stale(&flow)) {
            continue;
        }
        let mut batch = Batch::default();
        let first = socket.next_sequence();
        batch.add(
            DELETE,
            ACK,
            first,
            &[&head[..], &name_of(attributes)].concat(),
        );
        match socket.send(batch) {
            // It ended by itself.
            Err((_, Errno::NOENT)) => {}
            sent => sent.map_err(|(_, errno)| errno).doing(doing)?,
        }
    }
    Ok(())
}

/// The attributes of a flow that tell it from all others.
fn name_of(attributes: &[u8]) -> Vec<u8> {
    let part = |(kind, value): (u16, &[u8])| match kind {
        ORIGINAL => nested(kind, value),
        ID | ZONE => attribute(kind, value),
        _ => Vec::new(),
    };
    all(attributes).flat_map(part).collect()
}

/// A flow of UDP.
fn read(attributes: &[u8]) -> Option<Flow> {
    let (original, reply) = (find(attributes, ORIGINAL)?, find(attributes, REPLY)?);
    if find(find(original, 2)?, 1)? != [UDP] {
        return None;
    }
    Some(Flow {
        to: (address(original, 2)?, port(original, 3)?),
        from: (address(reply, 1)?, port(reply, 2)?),
    })
}

/// The address of a tuple: 1 is the source's, 2 the destination's.
fn address(tuple: &[u8], which: u16) -> Option<IpAddr> {
    let addresses = find(tuple, 1)?;
    if let Some(v4) = find(addresses, which) {
        return <[u8; 4]>::try_from(v4).ok().map(IpAddr::from);
    }
    let v6 = find(addresses, which + 2)?;
    <[u8; 16]>::try_from(v6).ok().map(IpAddr::from)
}

/// The port of a tuple: 2 is the source's, 3 the destination's.
fn port(tuple: &[u8], which: u16) -> Option<u16> {
    let port = find(find(tuple, 2)?, which)?;
    port.try_into().ok().map(u16::from_be_bytes)
}
