//! Who else has a say about packets to containers: chains of other tables that packets meet which
//! are passed on. What they decide is not looked into; the kernel shows what iptables-nft, firewalld
//! and ufw made as tables too, but not what the older iptables did.

use serde::Serialize;

use super::Firewall;
use super::look::{name, number};
use super::nft::{FAMILY, INET, IPV4, IPV6, Nft};
use crate::error::Error;
use crate::netlink::find;

/// A chain of somebody else's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    /// The table with its family, as `inet filter`.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// Where packets meet it.
    pub hook: &'static str,
    /// How many rules it has.
    pub rules: u64,
    /// Whether it drops what none of its rules decides.
    pub drops: bool,
}

impl Firewall {
    /// The chains of other tables that may drop what is passed on to containers, or from them.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn others(&self) -> Result<Vec<Filter>, Error> {
        let chains = Nft::open(&self.table)?.chains()?;
        let filters = chains.iter().filter_map(|chain| filter(chain));
        let is_ours = |filter: &Filter| filter.table.strip_prefix("inet ") == Some(&self.table);
        Ok(filters.filter(|filter| !is_ours(filter)).collect())
    }
}

/// A chain that may drop such packets; one without rules that drops nothing is none.
fn filter(chain: &[u8]) -> Option<Filter> {
    let (head, attributes) = chain.split_at_checked(FAMILY)?;
    let family = match *head.first()? {
        INET => "inet",
        IPV4 => "ip",
        IPV6 => "ip6",
        _ => return None,
    };
    let hook = match find(find(attributes, 4)?, 1).and_then(number)? {
        0 => "prerouting",
        2 => "forward",
        4 => "postrouting",
        _ => return None,
    };
    let text = |kind| find(attributes, kind).map(|text| String::from_utf8_lossy(name(text)));
    let (rules, policy) = (
        find(attributes, 6).and_then(number).unwrap_or_default(),
        find(attributes, 5).and_then(number),
    );
    let found = Filter {
        table: format!("{family} {}", text(1)?),
        chain: text(3)?.into_owned(),
        hook,
        rules,
        drops: policy == Some(0),
    };
    let may_drop = text(7)? == "filter" && (found.rules > 0 || found.drops);
    may_drop.then_some(found)
}
