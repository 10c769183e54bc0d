//! Pulling: an image from a [`Source`] into the store.
//!
//! ```text
//! documents   index → manifests → configurations, each checked
//! lease       from now on nobody removes what this pull needs
//! layers      some at once, each a pipeline (layer.rs); partial/<digest> is what is there of a blob
//! commit      under the exclusive lock: documents, then the name, which makes the image
//! ```
//!
//! `kill -9` anywhere leaves partial blobs and complete layers, with which the next pull goes on.

mod documents;
mod image;
mod layer;
mod partial;
mod pipe;
mod source;

pub use documents::Wanted;
pub(crate) use documents::{Shape, shape};
pub use image::{Pull, Pulled, Tools};
pub(crate) use partial::sweep as sweep_partials;
pub use source::{InRegistry, Source};
