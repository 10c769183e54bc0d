//! `--network` and what goes with it: whose network a container uses, or which networks it is
//! connected to, and with which addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use engine::{NetworkWish, Sharing};

use super::namespace;

/// Docker's flags.
#[derive(Debug, clap::Args)]
pub(crate) struct NetworkFlags {
    /// A network by name, also name=NAME,ip=ADDRESS,alias=NAME and several times; or none, host,
    /// container:NAME or ns:PATH
    #[arg(long, visible_alias = "net", value_name = "NETWORK", value_parser = network)]
    network: Vec<Network>,
    /// Its IPv4 address in the first network
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// Its IPv6 address in the first network
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,
    /// Its hardware address in the first network
    #[arg(long, value_name = "ADDRESS", value_parser = mac)]
    mac_address: Option<[u8; 6]>,
    /// A further name of it in the first network
    #[arg(long, visible_alias = "net-alias", value_name = "NAME", value_parser = alias)]
    network_alias: Vec<String>,
}

/// A value of `--network`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Network {
    /// Somebody's network namespace, or one with nothing in it.
    Whose(Sharing),
    /// A network.
    Named(NetworkWish),
}

impl NetworkFlags {
    /// Whose network namespace, and which networks.
    pub(crate) fn resolve(self) -> Result<(Sharing, Vec<NetworkWish>), String> {
        let mut wishes = Vec::new();
        let mut whose = None;
        let count = self.network.len();
        for network in self.network {
            match network {
                Network::Named(wish) => wishes.push(wish),
                Network::Whose(sharing) if count == 1 => whose = Some(sharing),
                Network::Whose(sharing) => {
                    return Err(format!("the network {sharing} goes with no other"));
                }
            }
        }
        let is_plain = self.ip.is_none()
            && self.ip6.is_none()
            && self.mac_address.is_none()
            && self.network_alias.is_empty();
        if is_plain {
            return Ok((whose.unwrap_or_default(), wishes));
        }
        if let Some(whose) = whose {
            return Err(format!(
                "--ip, --ip6, --mac-address and --network-alias need a network, not {whose}"
            ));
        }
        if wishes.is_empty() {
            wishes.push(named("bridge"));
        }
        if let Some(first) = wishes.first_mut() {
            first.ip = self.ip.or(first.ip);
            first.ip6 = self.ip6.or(first.ip6);
            first.mac = self.mac_address.or(first.mac);
            first.aliases.extend(self.network_alias);
        }
        Ok((Sharing::Default, wishes))
    }
}

fn named(name: &str) -> NetworkWish {
    NetworkWish {
        network: name.to_owned(),
        ..NetworkWish::default()
    }
}

/// A value of `--network`.
fn network(text: &str) -> Result<Network, String> {
    match text {
        "none" => return Ok(Network::Whose(Sharing::Private)),
        "default" => return Ok(Network::Named(named("bridge"))),
        _ => {}
    }
    if text == "host" || text == "private" || text.contains(':') && !text.contains('=') {
        let sharing = namespace::sharing(text);
        let wrong = |_| {
            format!(
                "{text:?} is no network: expected a name, none, host, container:NAME or ns:PATH"
            )
        };
        return sharing.map(Network::Whose).map_err(wrong);
    }
    match text.contains('=') {
        true => options(text).map(Network::Named),
        false if text.is_empty() => Err("a network needs a name".to_owned()),
        false => Ok(Network::Named(named(text))),
    }
}

/// Docker's long form.
fn options(text: &str) -> Result<NetworkWish, String> {
    let mut wish = NetworkWish::default();
    for option in text.split(',') {
        let wrong = |what: &str| format!("{option:?} in {text:?} is no {what}");
        let (key, value) = option.split_once('=').ok_or_else(|| wrong("KEY=VALUE"))?;
        match key {
            "name" => value.clone_into(&mut wish.network),
            "alias" => wish.aliases.push(alias(value)?),
            "ip" => wish.ip = Some(value.parse().map_err(|_| wrong("IPv4 address"))?),
            "ip6" => wish.ip6 = Some(value.parse().map_err(|_| wrong("IPv6 address"))?),
            "mac-address" => wish.mac = Some(mac(value)?),
            _ => {
                return Err(wrong(
                    "option of a network that wharf knows (name, alias, ip, ip6, mac-address)",
                ));
            }
        }
    }
    match wish.network.is_empty() {
        true => Err(format!("{text:?} names no network: expected name=NAME")),
        false => Ok(wish),
    }
}

/// A hardware address.
pub(crate) fn mac(text: &str) -> Result<[u8; 6], String> {
    engine::parse_mac(text)
}

/// A name as DNS has them.
pub(crate) fn alias(text: &str) -> Result<String, String> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    match !text.is_empty() && text.len() <= 253 && text.bytes().all(is_valid) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{text:?} is no name: expected letters, digits, _ . and -"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(text: &str) -> Result<Network, String> {
        network(text)
    }

    #[test]
    fn a_network_is_a_name_or_somebodys() {
        assert_eq!(whose("none"), Ok(Network::Whose(Sharing::Private)));
        assert_eq!(whose("host"), Ok(Network::Whose(Sharing::Host)));
        let of_db = Network::Whose(Sharing::Container("db".into()));
        assert_eq!(whose("container:db"), Ok(of_db));
        assert_eq!(whose("default"), Ok(Network::Named(named("bridge"))));
        assert_eq!(whose("web"), Ok(Network::Named(named("web"))));
        for text in [
            "",
            "container:",
            "ns:relative",
            "ip=10.0.0.2",
            "name=a,ip=x",
            "name=a,x=y",
        ] {
            assert!(whose(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_long_form_says_it_all() {
        let Ok(Network::Named(wish)) = network(
            "name=web,ip=10.0.0.2,ip6=fd00::2,alias=a,alias=b,mac-address=02:00:00:00:00:01",
        ) else {
            panic!()
        };
        assert_eq!(wish.network, "web");
        assert_eq!(wish.ip, Some(Ipv4Addr::new(10, 0, 0, 2)));
        assert_eq!(wish.ip6, "fd00::2".parse().ok());
        assert_eq!(wish.aliases, ["a", "b"]);
        assert_eq!(wish.mac, Some([2, 0, 0, 0, 0, 1]));
    }
}
