//! The command line: Docker's verbs, flags, columns and exit codes over the engine. It finds the
//! verb and builds nothing but that verb's flags; everything the levels below have to know of the
//! environment is read here.

pub mod attach;
mod cid_file;
mod commands;
mod confirm;
mod context;
pub mod detach_keys;
mod dispatch;
mod error_text;
mod exit_code;
mod filter;
mod flags;
mod foreground;
mod help;
mod human;
mod inspected;
mod listing;
mod output;
mod pager;
mod progress;
mod refused;
mod sealed;
mod several;
mod template;
pub mod terminal;
mod threads;
mod tree;
mod usage;

pub use dispatch::main;
