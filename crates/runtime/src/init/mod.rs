//! The making of a container's first process: what the parent does, what the child does, and the
//! one conversation between them.

pub(crate) mod child;
pub(crate) mod holder;
mod id_mapped;
pub(crate) mod parent;
pub(crate) mod protocol;
mod sockets;
mod step;
pub(crate) mod visitor;

pub use sockets::sockets_in_network;
pub use step::Step;
