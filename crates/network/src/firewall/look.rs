//! What the kernel has of the table: whether all of it is there, and what its rules counted.

use serde::Serialize;

use super::Firewall;
use super::expression::COUNTER;
use super::nft::{Nft, comment};
use super::table;
use crate::error::Error;
use crate::netlink::{all, find};

/// A rule of the table, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Counted {
    /// Its chain.
    pub chain: String,
    /// Which packets it is for.
    pub says: String,
    /// What it does with them.
    pub does: &'static str,
    /// How many there were: a connection counts once where addresses are rewritten.
    pub packets: u64,
    /// And how many bytes.
    pub bytes: u64,
}

impl Firewall {
    /// Whether the table is there with all its rules, and not one of another version.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn is_whole(&self) -> Result<bool, Error> {
        let mut nft = Nft::open(&self.table)?;
        let Some(table) = nft.table()? else {
            return Ok(false);
        };
        if find(&table, 6).and_then(comment) != Some(table::COMMENT) {
            return Ok(false);
        }
        for (name, rules) in table::chains() {
            let Some(chain) = nft.chain(name)? else {
                return Ok(false);
            };
            if find(&chain, 6).and_then(number) != u64::try_from(rules.len()).ok() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The rules with their counters, in the order in which packets meet them; none without the table.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn rules(&self) -> Result<Vec<Counted>, Error> {
        let rules = Nft::open(&self.table)?.rules()?;
        let mut rules: Vec<Counted> = rules.iter().filter_map(|rule| counted(rule)).collect();
        let place = |rule: &Counted| table::chains().position(|(name, _)| name == rule.chain);
        rules.sort_by_key(place);
        Ok(rules)
    }
}

fn counted(rule: &[u8]) -> Option<Counted> {
    let chain = name(find(rule, 2)?);
    let expressions = || {
        let all = all(find(rule, 4).unwrap_or_default());
        all.filter_map(|(_, expression)| Some((name(find(expression, 1)?), find(expression, 2)?)))
    };
    let (_, counter) = expressions().find(|(name, _)| *name == COUNTER.as_bytes())?;
    Some(Counted {
        chain: String::from_utf8_lossy(chain).into_owned(),
        says: find(rule, 7).and_then(comment)?.to_owned(),
        does: expressions()
            .last()
            .map_or("", |(name, data)| does(name, data)),
        bytes: number(find(counter, 1)?)?,
        packets: number(find(counter, 2)?)?,
    })
}

/// A text up to the byte that ends it.
pub(super) fn name(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// What the last expression of a rule does.
fn does(name: &[u8], data: &[u8]) -> &'static str {
    let verdict = || find(find(find(data, 2)?, 2)?, 1).and_then(number);
    match name {
        b"immediate" if verdict() == Some(0) => "drop",
        b"immediate" => "accept",
        b"nat" => "send on",
        b"masq" => "masquerade",
        _ => "",
    }
}

/// A number of four or eight bytes, big end first.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    match *bytes {
        [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]).into()),
        _ => bytes.try_into().ok().map(u64::from_be_bytes),
    }
}
