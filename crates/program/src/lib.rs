//! What the kernel and loaders read of a file that is executed: the headers of an ELF file, the
//! first line of a script, and why neither can be started. Nothing is opened here; whose files
//! these are, and where libraries are found, is the business of the levels above.

pub mod elf;
mod flaw;
pub mod script;

pub use flaw::{Answer, HEAD, flaw};
