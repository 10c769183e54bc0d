//! What the server has to be told: who may ask, and what is known to them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::rc::Rc;

/// The names that somebody who asks can see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Addresses by name, in small letters, without the last dot.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// Names by address.
    pub names: BTreeMap<IpAddr, Vec<String>>,
    /// Servers of the asker's own choice, instead of the host's.
    pub servers: Vec<IpAddr>,
    /// Whether questions about other names are handed on.
    pub leads_out: bool,
}

impl View {
    /// Adds one more that has these names and addresses; the first name is told for its addresses.
    pub fn add(&mut self, names: &[String], addresses: &[IpAddr]) {
        for name in names {
            let known = self.addresses.entry(name.to_ascii_lowercase()).or_default();
            for address in addresses {
                if !known.contains(address) {
                    known.push(*address);
                }
            }
        }
        for address in addresses {
            self.names
                .entry(*address)
                .or_default()
                .extend(names.first().cloned());
        }
    }
}

/// The facts, as they are at each moment.
pub trait Directory {
    /// Becomes readable when something changed, until it is gone; without one it is looked every now
    /// and then.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// What the one with this address can see; `None` when it may not ask.
    fn view(&mut self, asker: IpAddr) -> Option<Rc<View>>;

    /// Where questions of somebody with this view go that it cannot answer.
    fn servers(&mut self, view: &View) -> Vec<SocketAddr>;

    /// Whether nobody is left who could ask. Once this was said, nobody comes any more.
    fn is_over(&mut self) -> bool;
}
