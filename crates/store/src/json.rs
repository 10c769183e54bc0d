//! JSON documents in files.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Draft, Durability, Error};

/// Reads a document; `None` when there is no such file.
///
/// # Errors
/// [`Error::Damaged`] when it is not what it should be.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(None),
        bytes => bytes.map_err(|error| Error::io("reading", path, error))?,
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| Error::Damaged {
            path: path.to_owned(),
            source,
        })
}

/// Writes a document atomically.
///
/// # Errors
/// As [`atomic_write`].
pub fn write_json<T: Serialize>(
    path: &Path,
    document: &T,
    durability: Durability,
) -> Result<(), Error> {
    draft_json(path, document, durability)?.publish()
}

/// Writes a document beside its place ([`Draft`]).
///
/// # Errors
/// As [`Draft::write`].
pub fn draft_json<T: Serialize>(
    path: &Path,
    document: &T,
    durability: Durability,
) -> Result<Draft, Error> {
    let bytes = serde_json::to_vec(document).map_err(|source| Error::Damaged {
        path: path.to_owned(),
        source,
    })?;
    Draft::write(path, &bytes, durability)
}
