//! Files that survive a crash: atomic writes, locks, ids, names, trails, and removal. What the files mean
//! and where they lie is the business of the levels above.

mod atomic_write;
mod error;
mod id;
mod json;
mod lock;
pub mod names;
mod remove_tree;
pub mod time;
mod trail;

pub use atomic_write::{Draft, Durability, atomic_write};
pub use error::Error;
pub use id::Id;
pub use json::{draft_json, read_json, write_json};
pub use lock::Lock;
pub use remove_tree::remove_tree;
pub use trail::{TrailReader, append};
