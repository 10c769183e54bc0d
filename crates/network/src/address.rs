//! Addresses and routes of a device, as requests.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::error::Error;
use crate::netlink::Route;

/// Gives a device an address. One of IPv6 is used at once: nobody else has it.
pub(crate) fn add(index: u32, net: IpNet) -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(net.addr());
    message.header.prefix_len = net.prefix_len();
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(net.addr()),
        AddressAttribute::Address(net.addr()),
    ];
    match net {
        IpNet::V4(net) if net.prefix_len() < 31 => {
            message
                .attributes
                .push(AddressAttribute::Broadcast(net.broadcast()));
        }
        IpNet::V4(_) => {}
        IpNet::V6(_) => message
            .attributes
            .push(AddressAttribute::Flags(AddressFlags::Nodad)),
    }
    RouteNetlinkMessage::NewAddress(message)
}

/// The default route through a gateway.
pub(crate) fn default_route(index: u32, gateway: IpAddr) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family(gateway),
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Boot,
        scope: RouteScope::Universe,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Gateway(gateway.into()),
        RouteAttribute::Oif(index),
    ];
    RouteNetlinkMessage::NewRoute(message)
}

/// The addresses of this machine; none when the kernel does not say.
pub(crate) fn own() -> Vec<IpAddr> {
    let all = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    let answers = Route::open()
        .ok()
        .and_then(|mut route| route.dump(&all).ok());
    let of_answer = |answer: RouteNetlinkMessage| match answer {
        RouteNetlinkMessage::NewAddress(address) => address.attributes,
        _ => Vec::new(),
    };
    let attributes = answers.into_iter().flatten().flat_map(of_answer);
    attributes
        .filter_map(|attribute| match attribute {
            AddressAttribute::Local(address) | AddressAttribute::Address(address) => Some(address),
            _ => None,
        })
        .collect()
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// Whether an address may be a gateway of a subnet: one of it that is neither its name nor its
/// broadcast.
///
/// # Errors
/// [`Error::OutOfRange`].
pub fn check_gateway(address: IpAddr, net: IpNet) -> Result<(), Error> {
    match net.contains(&address) && !is_special(net, address) {
        true => Ok(()),
        false => Err(Error::OutOfRange {
            address,
            subnet: net.to_string(),
        }),
    }
}

/// Whether an address of a subnet is its name or its broadcast.
pub(crate) fn is_special(net: IpNet, address: IpAddr) -> bool {
    match (net, address) {
        (IpNet::V4(net), IpAddr::V4(address)) => {
            net.prefix_len() < 31 && (address == net.network() || address == net.broadcast())
                || address == Ipv4Addr::UNSPECIFIED
        }
        (IpNet::V6(net), IpAddr::V6(address)) => net.prefix_len() < 127 && address == net.network(),
        _ => true,
    }
}
