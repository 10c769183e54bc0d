//! Networks as users know them: named, with subnets and options, used by containers. What a network
//! is in the kernel is the crate `network`'s business.
//!
//! ```text
//! <data root>/networks/<name>.json          the facts
//!                      .lock                held by whoever makes or removes one
//! <run root>/networks/<id>/<address>        a lease: a link to a container's id
//!                          next, .lock
//!                          .names       locked by the process that answers for names
//! ```
//!
//! Who is connected follows from the leases, and how from the container's own `networks.json`.

mod create;
mod explain;
mod inspect;
mod lease;
mod names;
mod network;
mod remove;

pub use create::NetworkRequest;
pub use explain::{Device, NetworkExplanation, Pool, Rules};
pub use inspect::NetworkInspection;
pub(crate) use lease::{free, free_all, lease};
pub use names::serve_names;
pub use network::NetworkRecord;
pub(crate) use network::{DEFAULT, made_networks};
