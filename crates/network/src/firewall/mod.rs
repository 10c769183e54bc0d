//! The firewall of networks: one table of nftables that is ours alone, with a fixed number of
//! rules (`table.rs`). A network or a published port is an element of its sets and maps
//! (`elements.rs`), so that no rule is added for a container, and none is looked at for one.
//! `nft.rs` writes the messages, `look.rs` reads what the kernel has of it, and `others.rs` who else
//! has a say.
//!
//! Ours only forbids, and rewrites what was published: what another table drops stays dropped.

mod elements;
mod expression;
mod look;
mod nft;
mod others;
mod table;

pub use elements::Said;
pub use look::Counted;
pub use others::Filter;

/// The firewall of one installation of wharf: a table that no other one touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// The name of its table, of the family `inet`.
    pub table: String,
}
