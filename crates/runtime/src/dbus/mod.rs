//! D-Bus, as much of it as asking systemd for a unit takes: one connection, blocking, with a
//! deadline. Values and their two forms are in `value` and `text`, messages in `message`.
//!
//! Source: the D-Bus specification, "Type System", "Message Protocol", "Authentication Protocol".

mod connection;
mod error;
mod message;
mod text;
mod value;

pub(crate) use connection::{Address, Connection};
pub use error::Error;
pub(crate) use message::Call;
pub(crate) use text::parse;
pub(crate) use value::Value;
