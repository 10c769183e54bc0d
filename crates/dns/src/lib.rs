//! A DNS server for the members of a network, in one thread: it answers for names that a
//! [`Directory`] knows, and hands everything else on to other servers. What names there are, and
//! which process this is, is its caller's business.

mod client;
mod directory;
mod forward;
pub mod fuzz;
mod message;
mod reverse;
mod server;
mod sockets;
mod timers;

pub use directory::{Directory, View};
pub use server::serve;
pub use sockets::bind;
