//! Why a program ended with 127, which loaders give as well as shells: what it lacks in its layers.

use std::path::PathBuf;

use image::Part;

use super::config::Root;
use super::record::Record;

impl Record {
    /// What the container's program does not find in its root, as a clause, as far as the layers on
    /// the disk say so.
    pub fn lacking(&self) -> Option<String> {
        let overlays = self.overlays.iter().map(|overlay| Part {
            target: overlay.target.clone(),
            layers: std::iter::once(overlay.writable.join("upper"))
                .chain(overlay.lower.iter().cloned())
                .collect(),
        });
        let parts = match (&self.config.root, self.overlays.is_empty()) {
            (Root::Directory { path, .. }, true) => vec![Part {
                target: PathBuf::from("/"),
                layers: vec![path.clone()],
            }],
            _ => overlays.collect(),
        };
        let search = self
            .process
            .env
            .iter()
            .rev()
            .find_map(|entry| entry.strip_prefix("PATH="));
        image::lacking(
            parts,
            self.process.args.first()?,
            search.unwrap_or_default(),
        )
    }
}
