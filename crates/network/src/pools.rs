//! Subnets for networks whose user names none: the first of Docker's pools that nobody on this
//! machine uses, nor any route leads to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};

use crate::error::{Doing, Error};
use crate::netlink::Route;

/// Where the host's routes lead, but for the default ones.
///
/// # Errors
/// When they cannot be read.
pub fn routed() -> Result<Vec<IpNet>, Error> {
    let all = RouteNetlinkMessage::GetRoute(RouteMessage::default());
    let routes = Route::open()?
        .dump(&all)
        .doing(|| "reading the routes".to_owned())?;
    let destinations = routes.iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewRoute(route) => destination(route),
        _ => None,
    });
    Ok(destinations.collect())
}

fn destination(route: &RouteMessage) -> Option<IpNet> {
    let prefix = route.header.destination_prefix_length;
    let address = route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(IpAddr::V4(*address)),
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
            _ => None,
        })?;
    IpNet::new(address, prefix).ok().filter(|_| prefix > 0)
}

/// The first free one of 172.17.0.0/16 to 172.31.0.0/16 and of 192.168.0.0/20 to
/// 192.168.240.0/20.
///
/// # Errors
/// [`Error::Exhausted`].
pub fn choose_ipv4(taken: &[IpNet]) -> Result<IpNet, Error> {
    let large = (17..32).map(|n| (Ipv4Addr::new(172, n, 0, 0), 16));
    let small = (0..16).map(|n| (Ipv4Addr::new(192, 168, n * 16, 0), 20));
    let nets = large
        .chain(small)
        .filter_map(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    let mut free = nets
        .map(IpNet::V4)
        .filter(|net| !taken.iter().any(|other| overlap(*net, *other)));
    free.next().ok_or_else(|| Error::Exhausted {
        range:
            "the pools for networks (172.17.0.0/16 and the like, 192.168.0.0/16): name a --subnet"
                .to_owned(),
    })
}

/// A subnet of one's own, of the kind that is routed nowhere else, from a network's id.
///
/// # Errors
/// [`Error::Exhausted`] for an id that is none.
pub fn choose_ipv6(id: &str, taken: &[IpNet]) -> Result<IpNet, Error> {
    let exhausted = || Error::Exhausted {
        range: "fd00::/8".to_owned(),
    };
    // Random already: fifty-six digits after the first eight, which its bridge is named after.
    for digits in (8..48).filter_map(|at| id.get(at..at + 14)) {
        let number = u64::from_str_radix(digits, 16).map_err(|_| exhausted())?;
        let high = (0xfd << 56) | number;
        let address = Ipv6Addr::from_bits(u128::from(high) << 64);
        let net = Ipv6Net::new(address, 64)
            .map(IpNet::V6)
            .map_err(|_| exhausted())?;
        if !taken.iter().any(|other| overlap(net, *other)) {
            return Ok(net);
        }
    }
    Err(exhausted())
}

/// Whether two subnets have an address in common.
pub fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_pool_that_overlaps_nothing_is_taken() {
        assert_eq!(choose_ipv4(&[]).unwrap(), net("172.17.0.0/16"));
        let taken = [net("172.16.0.0/15"), net("172.18.3.0/24"), net("fd00::/8")];
        assert_eq!(choose_ipv4(&taken).unwrap(), net("172.19.0.0/16"));
        let all = [net("172.16.0.0/12"), net("192.168.0.0/17")];
        assert_eq!(choose_ipv4(&all).unwrap(), net("192.168.128.0/20"));
        let error = choose_ipv4(&[net("0.0.0.0/1"), net("128.0.0.0/1")]).unwrap_err();
        assert!(error.to_string().contains("--subnet"), "{error}");
    }

    #[test]
    fn an_ipv6_subnet_is_local_and_of_64_bits() {
        let id = "0123456789abcdef".repeat(4);
        let first = choose_ipv6(&id, &[]).unwrap();
        assert!(net("fd00::/8").contains(&first.network()) && first.prefix_len() == 64);
        assert_ne!(choose_ipv6(&id, &[first]).unwrap(), first);
    }

    #[test]
    fn routes_have_destinations() {
        // Whatever they are, on any machine.
        assert!(routed().unwrap().iter().all(|net| net.prefix_len() > 0));
    }
}
