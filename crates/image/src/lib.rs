//! Images: the OCI layout that holds them, layers packed and unpacked, images made from the
//! host's own files, and the built-in image `host`.
//!
//! What a container does with an image (mounts, records, refusing to remove one in use) is the
//! engine's business: this crate hands it a [`Stack`] of directories.
//!
//! ```text
//! images/oci-layout  index.json        which manifests there are, and their names
//!       /blobs/sha256/<hex>            manifests, configurations, layer archives
//!       /layers/<hex of diff id>/      layers unpacked, in overlayfs' own form
//!       /partial/<hex>                 blobs that are not complete, flocked by their maker
//!       /unsynced/<random>             what may not survive a crash of the machine yet
//!       /host/<key>/                   base layers of the built-in image
//!       /lock                          flock: shared to use an image, exclusive to change
//!       /.new-<random>/                things being made, flocked by their maker
//! ```
//!
//! The directory is 0700: layers hold set-user-ID programs that are not for the host's users.

pub mod archive;
mod attached;
mod changes;
mod check;
mod content;
mod decompress;
mod digest;
mod elf;
mod error;
mod from_host;
pub mod host;
mod index;
mod lacking;
mod layer;
mod lease;
mod list;
mod look;
mod make;
mod merged;
mod pack;
mod platform;
mod progress;
mod pull;
mod push;
mod push_all;
pub mod reference;
pub mod registry;
mod remove;
mod scratch;
mod stack;
pub mod tar;
mod tree;
pub mod unpack;
mod unsynced;
mod usage;
mod walk;
mod workers;

pub use changes::{Change, ChangeKind, changes};
pub use check::{Damage, Verified};
pub use content::{Exclusive, Images, Shared};
pub use decompress::Compression;
pub use digest::Digest;
pub use error::Error;
pub use from_host::FromHost;
pub use lacking::lacking;
pub use list::{Found, Image, NamedBy};
pub use look::{Appearance, Large, Usage, What, appearances, effects, usage};
pub use make::{NewImage, Top, export};
pub use merged::{Effect, Placed};
pub use platform::{NoPlatform, Platform};
pub use progress::{Event, LayerState, Progress, Silent};
pub use pull::{InRegistry, Pull, Pulled, Source, Tools, Wanted};
pub use push::Pushed;
pub use reference::Reference;
pub use remove::Removal;
pub use stack::{Extra, Stack};
pub use tree::Part;
pub use workers::{Job, Workers};
