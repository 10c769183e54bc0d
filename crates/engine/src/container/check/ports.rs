//! Ports: what is exposed and what is published.

use std::collections::BTreeMap;

use network::Protocol;

use super::super::config::{ContainerConfig, PortWish};
use super::super::publish::parse_ports;
use crate::Error;

pub(super) fn check(config: &ContainerConfig) -> Result<(), Error> {
    for text in &config.exposed {
        parse_ports(text)?;
    }
    let mut seen: BTreeMap<(u16, Protocol), Vec<&PortWish>> = BTreeMap::new();
    for wish in &config.ports {
        let Some(port) = wish.host_port else { continue };
        let others = seen.entry((port, wish.protocol)).or_default();
        if others.iter().any(|other| collide(wish, other)) {
            return Err(Error::Invalid {
                what: "published port",
                why: format!("the machine's port {port}/{} is named twice", wish.protocol),
            });
        }
        others.push(wish);
    }
    Ok(())
}

/// Whether two wishes for the same port want it of the same address.
fn collide(a: &PortWish, b: &PortWish) -> bool {
    let is_any = |wish: &PortWish| wish.host.is_none_or(|host| host.is_unspecified());
    let is_same_family = match (a.host, b.host) {
        (Some(a), Some(b)) => a.is_ipv4() == b.is_ipv4(),
        _ => true,
    };
    is_same_family && (a.host == b.host || is_any(a) || is_any(b))
}
