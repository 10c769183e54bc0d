//! Flags that several verbs share, and how their values are written. What follows from them is
//! the engine's business.

pub(crate) mod cdi;
pub(crate) mod container;
pub(crate) mod content_trust;
pub(crate) mod device;
pub(crate) mod docker;
pub(crate) mod duration;
pub(crate) mod environment;
pub(crate) mod health;
pub(crate) mod image;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod moment;
pub(crate) mod mount;
pub(crate) mod namespace;
pub(crate) mod network;
pub(crate) mod number;
pub(crate) mod publish;
pub(crate) mod pull;
pub(crate) mod registry;
pub(crate) mod restart;
pub(crate) mod security;
pub(crate) mod size;
pub(crate) mod stop;
pub(crate) mod ulimit;
