//! The bridge of a network, named after its id. It is made when the first container is connected,
//! again after a boot, and stays until the network is removed.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoKind, LinkAttribute, LinkFlags, LinkInfo,
};
use rustix::io::Errno;

use crate::address;
use crate::error::{Doing, Error};
use crate::mac;
use crate::model::Network;
use crate::netlink::{CREATE, EXCLUSIVE, Route, link_index, new_link, set_link, up};

/// The name of the bridge of the network with this id.
pub fn bridge_name(id: &str) -> String {
    format!("wb{}", id.get(..12).unwrap_or(id))
}

/// Makes the network's bridge, if it is not there, with its addresses; gives back its number. What
/// was begun before a failure is gone on with the next time.
pub(crate) fn ensure(route: &mut Route, network: &Network) -> Result<u32, Error> {
    let name = &network.bridge;
    let index = match route.link(name)? {
        // It goes up last, with its addresses.
        Some(link) if link.header.flags.contains(LinkFlags::Up) => return Ok(link_index(&link)),
        Some(link) => link_index(&link),
        None => make(route, network)?,
    };
    for subnet in &network.subnets {
        let Some(gateway) = subnet.gateway_net() else {
            continue;
        };
        let doing = format!("giving the bridge {name} the address {gateway}");
        // One that it has already is what we want.
        route.add(CREATE, &address::add(index, gateway), doing);
    }
    let mut link = new_link(name);
    if !network.has_ipv6() {
        link.attributes.push(no_link_local());
    }
    up(&mut link);
    route.add(0, &set_link(link), format!("bringing the bridge {name} up"));
    route.send()?;
    Ok(index)
}

fn make(route: &mut Route, network: &Network) -> Result<u32, Error> {
    let name = &network.bridge;
    let mut link = new_link(name);
    link.attributes
        .push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(
            InfoKind::Bridge,
        )]));
    link.attributes.extend(network.mtu.map(LinkAttribute::Mtu));
    // Without one of its own it would take that of a port, and lose it with it.
    let gateway = network.subnets.first().map(|subnet| subnet.gateway);
    link.attributes
        .extend(gateway.map(|gateway| LinkAttribute::Address(mac::of_address(gateway).to_vec())));
    let request = RouteNetlinkMessage::NewLink(link);
    route.add(
        CREATE | EXCLUSIVE,
        &request,
        format!("making the bridge {name}"),
    );
    match route.send() {
        // Somebody else has just made it.
        Err(error) if error.errno() == Some(Errno::EXIST) => {}
        made => made?,
    }
    let link = route.link(name)?;
    let missing = || format!("looking for the bridge {name}");
    link.as_ref()
        .map(link_index)
        .ok_or(Errno::NODEV)
        .doing(missing)
}

/// Removes a network's bridge, if it is there.
///
/// # Errors
/// When the kernel refuses.
pub fn remove_bridge(bridge: &str) -> Result<(), Error> {
    let mut route = Route::open()?;
    let request = RouteNetlinkMessage::DelLink(new_link(bridge));
    route.add(0, &request, format!("removing the bridge {bridge}"));
    match route.send() {
        Err(error) if error.errno() == Some(Errno::NODEV) => Ok(()),
        removed => removed,
    }
}

/// Whether a network's bridge is there.
pub fn has_bridge(network: &Network) -> bool {
    look(network).is_ok_and(|bridge| bridge.is_some())
}

/// A bridge, as the kernel has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bridge {
    /// Whether packets go through it.
    pub is_up: bool,
    /// The largest packet.
    pub mtu: u32,
}

/// Looks at a network's bridge; `None` when it is not there.
///
/// # Errors
/// When the kernel does not say.
pub fn look(network: &Network) -> Result<Option<Bridge>, Error> {
    let link = Route::open()?.link(&network.bridge)?;
    Ok(link.map(|link| {
        let mut attributes = link.attributes.iter();
        let mtu = attributes.find_map(|attribute| match attribute {
            LinkAttribute::Mtu(mtu) => Some(*mtu),
            _ => None,
        });
        Bridge {
            is_up: link.header.flags.contains(LinkFlags::Up),
            mtu: mtu.unwrap_or_default(),
        }
    }))
}

/// Keeps a device from giving itself an address.
pub(crate) fn no_link_local() -> LinkAttribute {
    let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])])
}
