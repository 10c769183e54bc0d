//! Images in files and directories of this machine: OCI layouts, Docker's archives, skopeo's
//! `dir:`, each as a [`crate::Source`] to pull from; and archives written by `save`.
//!
//! Source: OCI image specification, image-layout.md; moby, `image/tarexport`;
//! containers-transports(5).

mod docker;
mod files;
mod flat;
mod layout;
mod open;
mod origin;
mod save;
mod spool;

pub use open::{Member, Opened, Stored};
pub use origin::{Form, Origin};
