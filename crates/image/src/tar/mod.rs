//! Tar archives, read and written by our own code: ustar with PAX, GNU's long names
//! and its members with holes.
//!
//! A layer is hostile input, and every reader of tar that guesses where another one would not has
//! become an escape. The rules here are those of Go's `archive/tar`, which Docker and containerd
//! use: the size in a PAX record wins, and a malformed record is an error, never skipped. What is
//! unpacked where is not decided here (`unpack`).
//!
//! Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

mod entry;
mod header;
mod pax;
mod read;
mod sparse;
mod write;

pub use entry::{Entry, Kind};
pub use header::Malformed;
pub use read::{ReadError, Reader};
pub use write::Writer;
