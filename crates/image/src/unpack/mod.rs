//! Unpacking a layer into a directory of its own, in the form that overlayfs wants.
//!
//! A layer is hostile: every name is resolved by the kernel with the directory as the root
//! (`sys::path`), nothing is followed at the end of a name, and what a layer may not say
//! (`..`, attributes of overlayfs itself, whiteouts of the parent) is an error, not a guess.
//!
//! Source: OCI image specification, layer.md; kernel documentation, filesystems/overlayfs.

mod attributes;
mod directory;
mod error;
mod limits;
mod make;
mod name;
mod rights;
mod whiteout;

pub(crate) use attributes::may_have;
pub use directory::{make_root, unpack};
pub use error::Error;
pub use limits::Limits;
pub use rights::Rights;
