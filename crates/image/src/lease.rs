//! Leases: what somebody is about to use stays, though no image refers to it yet. A lease lives as
//! long as its process: it is a file in a directory that its maker has locked.

use std::collections::BTreeSet;
use std::path::Path;

use store::Durability;

use crate::content::{Images, Shared};
use crate::scratch::{self, Scratch};
use crate::{Digest, Error};

const FILE: &str = "lease";

/// A directory for things being made, with a list of what must not be removed meanwhile.
#[derive(Debug)]
pub(crate) struct Lease {
    scratch: Scratch,
}

impl Lease {
    /// Protects blobs and layers, whether they are there yet or not. From then on nobody removes
    /// them, so that what is found afterwards stays.
    pub(crate) fn new(
        shared: &Shared<'_>,
        digests: impl IntoIterator<Item = Digest>,
    ) -> Result<Self, Error> {
        let scratch = Scratch::new(shared.images.root())?;
        let lines: String = digests
            .into_iter()
            .map(|digest| format!("{}\n", digest.hex()))
            .collect();
        store::atomic_write(
            &scratch.path().join(FILE),
            lines.as_bytes(),
            Durability::Boot,
        )?;
        Ok(Self { scratch })
    }

    /// A place for things being made.
    pub(crate) fn path(&self) -> &Path {
        self.scratch.path()
    }
}

/// The hexadecimal digits of all that is protected. The caller holds the exclusive lock, so that
/// no lease is being made.
pub(crate) fn protected(images: &Images) -> Result<BTreeSet<String>, Error> {
    let mut found = BTreeSet::new();
    for directory in scratch::held(images.root())? {
        // One without the file protects nothing.
        let text = std::fs::read_to_string(directory.join(FILE)).unwrap_or_default();
        found.extend(text.lines().map(str::to_owned));
    }
    Ok(found)
}
