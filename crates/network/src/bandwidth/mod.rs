//! Bandwidth as a resource: how fast a container may receive and send on each of its networks. What
//! a rate is, is in `rate.rs`; how the kernel keeps to it, in `shape.rs`. Which container has which
//! is the engine's business.

mod rate;
mod shape;

pub use rate::{Rate, Rates};
pub use shape::{set_rates, shaper};
pub(crate) use shape::{shape, unshape};
