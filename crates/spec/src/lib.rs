//! The OCI documents as data.
//!
//! Structs for the runtime specification 1.3 and the image specification 1.1, how they are read
//! and written, and the rules that can be checked without a kernel. What a runtime does with
//! them lives elsewhere.

mod absent;
mod error;
pub mod features;
pub mod image;
pub mod runtime;
pub mod state;

pub use error::Error;

/// The version of the runtime specification these documents follow.
pub const VERSION: &str = "1.3.0";
