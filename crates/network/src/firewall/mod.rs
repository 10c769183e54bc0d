//! The firewall of networks: one table of nftables, `inet wharf`, that is ours alone, with a fixed
//! number of rules (`table.rs`). A network or a published port is an element of its sets and maps
//! (`elements.rs`), so that no rule is added for a container, and none is looked at for one.
//! `nft.rs` writes the messages, `look.rs` reads what the kernel has.
//!
//! Ours only forbids, and rewrites what was published: what another table drops stays dropped.

mod elements;
mod expression;
mod look;
mod nft;
mod table;

pub use elements::{Said, make, remove, say, unsay};
pub use look::{Counted, is_whole, rules};
