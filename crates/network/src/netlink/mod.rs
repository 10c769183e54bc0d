//! Netlink: one socket that waits in place for its answers (`socket.rs`), the messages of
//! rtnetlink that this crate needs (`route.rs`), and attributes of others (`attribute.rs`). What is
//! done with them is in the rooms beside.

mod attribute;
mod route;
mod socket;

pub(crate) use attribute::{all, attribute, find, nested};
pub(crate) use route::{Route, link_index, new_link, set_link, up};
pub(crate) use socket::{ACK, Batch, CREATE, EXCLUSIVE, REPLACE, Socket};
