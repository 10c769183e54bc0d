//! Leases: who has which address of a network. A lease is a symbolic link in the network's
//! directory, named after the address, whose target is the owner's id: making it is the claim, no
//! crash leaves half of one, and whoever knows the id can free it. Addresses are given out one
//! after the other, from the one after the last, so that one that was just freed rests.
//!
//! ```text
//! <directory>/<address> -> <id>     a lease
//!             next                  where to look first; only a hint
//! ```
//!
//! The caller holds the network's lock meanwhile.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use ipnet::IpNet;
use store::names;

use crate::address::is_special;
use crate::error::Error;
use crate::model::Subnet;

/// The leases of one network.
#[derive(Debug, Clone, Copy)]
pub struct Leases<'a, F> {
    /// Their directory.
    pub directory: &'a Path,
    /// Whether an owner is still there; an address of one that is not can be had.
    pub is_alive: F,
}

/// How many addresses of a subnet are looked at: a larger one is never full.
const MOST: u128 = 1 << 20;

impl<F: Fn(&str) -> bool> Leases<'_, F> {
    /// Leases an address of the subnet to `id`: `wanted`, or any.
    ///
    /// # Errors
    /// When it is taken or cannot be, or none is left.
    pub fn lease(
        &self,
        subnet: &Subnet,
        wanted: Option<IpAddr>,
        id: &str,
    ) -> Result<IpAddr, Error> {
        match wanted {
            Some(address) => self.lease_one(subnet, address, id),
            None => self.lease_any(subnet, id),
        }
    }

    fn lease_one(&self, subnet: &Subnet, address: IpAddr, id: &str) -> Result<IpAddr, Error> {
        let taken = |owner: String| Err(Error::AddressTaken { address, owner });
        if !subnet.net.contains(&address) || is_special(subnet.net, address) {
            return Err(Error::OutOfRange {
                address,
                subnet: subnet.net.to_string(),
            });
        }
        if address == subnet.gateway {
            return taken("the gateway".to_owned());
        }
        match self.claim(address, id)? {
            None => Ok(address),
            Some(owner) => taken(format!("container {}", owner.get(..12).unwrap_or(&owner))),
        }
    }

    fn lease_any(&self, subnet: &Subnet, id: &str) -> Result<IpAddr, Error> {
        let pool = subnet.pool();
        let count = size(pool).min(MOST);
        let hint = self.directory.join(if pool.addr().is_ipv4() {
            "next"
        } else {
            "next6"
        });
        let start = std::fs::read_to_string(&hint).unwrap_or_default();
        let start: u128 = start.trim().parse().unwrap_or(0);
        for step in 0..count {
            let offset = (start + step) % count;
            let address = nth(pool, offset);
            if is_special(subnet.net, address) || address == subnet.gateway {
                continue;
            }
            if self.claim(address, id)?.is_none() {
                // Without it the search begins elsewhere, no more.
                let _ = std::fs::write(&hint, (offset + 1).to_string());
                return Ok(address);
            }
        }
        Err(Error::Exhausted {
            range: pool.to_string(),
        })
    }

    /// Claims an address; who has it, if somebody else does.
    fn claim(&self, address: IpAddr, id: &str) -> Result<Option<String>, Error> {
        let name = address.to_string();
        for _ in 0..2 {
            if names::claim(self.directory, &name, id)? {
                return Ok(None);
            }
            match names::resolve(self.directory, &name)? {
                Some(owner) if owner == id => return Ok(None),
                Some(owner) if (self.is_alive)(&owner) => return Ok(Some(owner)),
                _ => names::release(self.directory, &name)?,
            }
        }
        Ok(Some("somebody".to_owned()))
    }
}

/// Frees an address, if it is this owner's.
///
/// # Errors
/// When the lease cannot be removed.
pub fn free(directory: &Path, address: IpAddr, id: &str) -> Result<(), Error> {
    let name = address.to_string();
    if names::resolve(directory, &name)?.as_deref() == Some(id) {
        names::release(directory, &name)?;
    }
    Ok(())
}

/// All leases: addresses and their owners.
pub fn holders(directory: &Path) -> Vec<(IpAddr, String)> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let lease = |entry: std::fs::DirEntry| {
        let address = entry.file_name().to_str()?.parse().ok()?;
        let owner = names::resolve(directory, entry.file_name().to_str()?).ok()??;
        Some((address, owner))
    };
    entries.filter_map(lease).collect()
}

fn size(net: IpNet) -> u128 {
    let bits = u32::from(net.max_prefix_len() - net.prefix_len());
    1u128.checked_shl(bits).unwrap_or(u128::MAX)
}

fn nth(net: IpNet, offset: u128) -> IpAddr {
    match net {
        IpNet::V4(net) => {
            let offset = u32::try_from(offset).unwrap_or(0);
            Ipv4Addr::from_bits(net.network().to_bits().wrapping_add(offset)).into()
        }
        IpNet::V6(net) => Ipv6Addr::from_bits(net.network().to_bits().wrapping_add(offset)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(net: &str, range: Option<&str>, gateway: &str) -> Subnet {
        Subnet {
            net: net.parse().unwrap(),
            range: range.map(|range| range.parse().unwrap()),
            gateway: gateway.parse().unwrap(),
        }
    }

    #[test]
    fn addresses_are_given_out_in_order_and_a_freed_one_rests() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let leases = Leases {
            directory,
            is_alive: |_: &str| true,
        };
        let subnet = subnet("10.0.0.0/29", None, "10.0.0.1");
        let next = |id: &str| leases.lease(&subnet, None, id).map(|a| a.to_string());
        assert_eq!(next("a").unwrap(), "10.0.0.2");
        assert_eq!(next("b").unwrap(), "10.0.0.3");
        free(directory, "10.0.0.2".parse().unwrap(), "b").unwrap();
        free(directory, "10.0.0.3".parse().unwrap(), "b").unwrap();
        let rest: Vec<_> = ["c", "d", "e", "f"]
            .into_iter()
            .map(|id| next(id).unwrap())
            .collect();
        assert_eq!(rest, ["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.3"]);
        assert!(matches!(next("g"), Err(Error::Exhausted { .. })));
        assert_eq!(holders(directory).len(), 5);
    }

    #[test]
    fn an_address_can_be_asked_for_unless_somebody_who_lives_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let leases = Leases {
            directory,
            is_alive: |id: &str| id != "dead",
        };
        let subnet = subnet("fd00::/64", Some("fd00::8:0/112"), "fd00::1");
        let lease =
            |address: &str, id: &str| leases.lease(&subnet, Some(address.parse().unwrap()), id);
        assert!(lease("fd00::5", "dead").is_ok());
        assert!(lease("fd00::5", "a").is_ok());
        assert!(matches!(
            lease("fd00::5", "b"),
            Err(Error::AddressTaken { .. })
        ));
        assert!(matches!(
            lease("fd00::1", "b"),
            Err(Error::AddressTaken { .. })
        ));
        assert!(matches!(
            lease("fd01::5", "b"),
            Err(Error::OutOfRange { .. })
        ));
        let any = leases.lease(&subnet, None, "b").unwrap();
        assert_eq!(any.to_string(), "fd00::8:0");
    }
}
