//! CRIU, which writes a container's processes down and makes them again: the request (`request`),
//! the bytes it goes in (`wire`), and the conversation with a `criu swrk` of our own (`swrk`).
//!
//! Source: CRIU's `images/rpc.proto`.

pub(crate) mod request;
mod settings;
pub(crate) mod swrk;
mod wire;

pub use request::{CgroupsMode, Options};
pub(crate) use settings::{binds, config_file};
