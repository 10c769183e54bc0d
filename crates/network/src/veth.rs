//! A veth pair between a bridge and a network namespace. Its inner end is made where it belongs,
//! under its own name; both ends go with the namespace, so that nothing has to be cleared up.

use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth, LinkAttribute,
    LinkInfo,
};
use rustix::io::Errno;

use crate::address;
use crate::bandwidth::{shape, unshape};
use crate::bridge::{ensure, no_link_local};
use crate::error::{Doing, Error};
use crate::model::Endpoint;
use crate::netlink::{CREATE, EXCLUSIVE, Route, link_index, new_link, set_link, up};
use crate::netns::route_in;

/// Connects a network namespace to the bridges of its endpoints, all or none.
///
/// # Errors
/// When the kernel refuses; nothing of these endpoints is left then.
pub fn connect(endpoints: &[Endpoint], namespace: BorrowedFd<'_>) -> Result<(), Error> {
    let mut host = Route::open()?;
    let mut inside = route_in(namespace)?;
    for (done, endpoint) in endpoints.iter().enumerate() {
        let connected = make_pair_anew(&mut host, endpoint, namespace)
            .and_then(|()| shape(&mut host, endpoint))
            .and_then(|()| furnish(&mut inside, endpoint));
        if let Err(error) = connected {
            for endpoint in endpoints.iter().take(done + 1) {
                // The first error is the one to tell; the rest goes with the namespace.
                let _ = remove(&mut host, endpoint);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Takes a namespace off a network.
///
/// # Errors
/// When the kernel refuses.
pub fn disconnect(endpoint: &Endpoint) -> Result<(), Error> {
    remove(&mut Route::open()?, endpoint)
}

/// Removes what of a connection does not go with its namespace.
///
/// # Errors
/// When the kernel refuses.
pub fn clear_up(endpoint: &Endpoint) -> Result<(), Error> {
    match endpoint.rates.limit_out() {
        Some(_) => unshape(&mut Route::open()?, endpoint),
        None => Ok(()),
    }
}

fn remove(host: &mut Route, endpoint: &Endpoint) -> Result<(), Error> {
    let name = &endpoint.host_interface;
    let request = RouteNetlinkMessage::DelLink(new_link(name));
    host.add(0, &request, format!("removing the link {name}"));
    match host.send() {
        Err(error) if error.errno() == Some(Errno::NODEV) => {}
        removed => removed?,
    }
    unshape(host, endpoint)
}

/// The name of the outer end of a container's connection number `number`.
pub fn host_interface(id: &str, number: usize) -> String {
    format!("wv{}{number:02x}", id.get(..11).unwrap_or(id))
}

/// Makes both ends, also where those of the container's last life are still being taken down.
fn make_pair_anew(
    host: &mut Route,
    endpoint: &Endpoint,
    namespace: BorrowedFd<'_>,
) -> Result<(), Error> {
    match make_pair(host, endpoint, namespace) {
        Err(error) if error.errno() == Some(Errno::EXIST) => {
            remove(host, endpoint)?;
            make_pair(host, endpoint, namespace)
        }
        made => made,
    }
}

/// Makes both ends; the outer one is a port of the bridge, and up.
fn make_pair(
    host: &mut Route,
    endpoint: &Endpoint,
    namespace: BorrowedFd<'_>,
) -> Result<(), Error> {
    let (outer, network) = (&endpoint.host_interface, &endpoint.network);
    let bridge = ensure(host, network)?;
    let mut peer = new_link(&endpoint.interface);
    peer.attributes
        .push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
    peer.attributes
        .push(LinkAttribute::Address(endpoint.mac.to_vec()));
    peer.attributes.extend(network.mtu.map(LinkAttribute::Mtu));
    let mut pair = new_link(outer);
    pair.attributes.extend(network.mtu.map(LinkAttribute::Mtu));
    pair.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    let request = RouteNetlinkMessage::NewLink(pair);
    host.add(
        CREATE | EXCLUSIVE,
        &request,
        format!("making the veth pair {outer}"),
    );
    let mut port = new_link(outer);
    port.attributes.push(LinkAttribute::Controller(bridge));
    port.attributes.push(no_link_local());
    up(&mut port);
    host.add(
        0,
        &set_link(port),
        format!("making {outer} a port of {}", network.bridge),
    );
    let flags = port_flags(endpoint);
    if !flags.is_empty() {
        let mut port = new_link(outer);
        port.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(flags)),
        ]));
        host.add(0, &set_link(port), format!("setting the port {outer} up"));
    }
    host.send()
}

/// What is special about the outer end as a port of its bridge.
fn port_flags(endpoint: &Endpoint) -> Vec<InfoBridgePort> {
    let mut flags = Vec::new();
    if endpoint.network.isolates_members {
        flags.push(InfoBridgePort::Isolated(true));
    }
    if !endpoint.ports.is_empty() {
        // Who calls its own published port: where bridges obey the IP firewall, the packet goes
        // back where it came from without leaving the bridge.
        flags.push(InfoBridgePort::HairpinMode(true));
    }
    flags
}

/// Gives the inner end its addresses and routes.
fn furnish(inside: &mut Route, endpoint: &Endpoint) -> Result<(), Error> {
    let name = &endpoint.interface;
    let missing = || format!("looking for {name} in the container");
    let link = inside.link(name)?.ok_or(Errno::NODEV).doing(missing)?;
    let index = link_index(&link);
    let mut link = new_link(name);
    if !endpoint.has_ipv6() {
        link.attributes.push(no_link_local());
    }
    up(&mut link);
    inside.add(
        0,
        &set_link(link),
        format!("bringing {name} in the container up"),
    );
    for net in &endpoint.addresses {
        let doing = format!("giving {name} in the container the address {net}");
        inside.add(CREATE | EXCLUSIVE, &address::add(index, *net), doing);
    }
    for gateway in &endpoint.gateways {
        let doing = format!("routing the container through {gateway}");
        inside.add(CREATE, &address::default_route(index, *gateway), doing);
    }
    inside.send()
}
