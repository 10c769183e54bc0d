//! Registries: the distribution protocol (`/v2/`), from which images are pulled and to which they
//! are pushed.
//!
//! Which hosts are asked for an image, and how they are reached, is decided from the files that
//! Docker, Podman and containerd already use (`endpoint.rs`); what is done with blobs lives in
//! `pull` and `push`. Nothing here keeps a thread or reads the environment: the caller's
//! surroundings come as [`Settings`].
//!
//! Source: OCI distribution specification 1.1; distribution, "Token Authentication".

mod auth;
mod blob;
mod challenge;
mod client;
mod credentials;
mod document;
mod download;
mod endpoint;
mod error;
mod hosts_toml;
mod login;
mod manifest;
mod policy;
mod referrers;
mod registries_conf;
mod repository;
mod search;
mod settings;
mod signature;
mod tags;
mod tls;
mod upload;
mod url;

pub use credentials::Credentials;
pub use error::Error;
pub use manifest::RawManifest;
pub use repository::{Access, Repository};
pub use search::SearchResult;
pub use settings::{Proxies, Settings};
pub use upload::{LocalBlob, Sent};
