//! How much a container has written.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::record::Record;
use crate::Engine;

impl Engine {
    /// Bytes in the writable layer of a container. What vanishes while it is counted does not
    /// count.
    pub fn written(&self, record: &Record) -> u64 {
        let overlays = record.overlays.iter();
        overlays
            .map(|overlay| bytes_in(&overlay.writable.join("upper")))
            .sum()
    }

    /// Bytes in the writable layer of a container, and in all of its root.
    pub fn size(&self, record: &Record) -> (u64, u64) {
        let lower = record.overlays.iter().flat_map(|overlay| &overlay.lower);
        let below: u64 = lower.map(|layer| bytes_in(layer)).sum();
        let written = self.written(record);
        (written, written + below)
    }
}

/// The bytes of all files below a directory; no link is followed.
pub(crate) fn bytes_in(directory: &Path) -> u64 {
    let mut bytes = 0;
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => left.push(entry.path()),
                Ok(metadata) if metadata.is_file() => bytes += metadata.size(),
                _ => {}
            }
        }
    }
    bytes
}
