//! The command line.

pub mod attach;
pub mod detach_keys;
pub mod terminal;
