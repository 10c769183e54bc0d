//! What a container changed in its root.

use std::path::PathBuf;

use image::{ChangeKind, changes};

use super::commit::OF_THE_HOST;
use crate::{Engine, Error};

/// A file that a container changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerChange {
    /// The absolute path inside.
    pub path: PathBuf,
    /// What became of it.
    pub kind: ChangeKind,
    /// Bytes that it takes on the disk.
    pub cost: u64,
    /// Whether all of it was copied from the image to change a part.
    pub copied_up: bool,
}

impl Engine {
    /// All changes of a container, in the order of names; without the files that wharf itself
    /// writes into every container.
    ///
    /// # Errors
    /// An unknown container; one whose root is a directory of the host, where nothing tells old
    /// from new.
    pub fn diff(&self, name: &str) -> Result<Vec<ContainerChange>, Error> {
        let record = self.find(name)?;
        if record.overlays.is_empty() {
            return Err(Error::Unsupported {
                what: format!("diff of container {}", record.name),
                why: "its root is a directory of the host that it writes to",
            });
        }
        let mut found = Vec::new();
        for overlay in &record.overlays {
            let upper = overlay.writable.join("upper");
            let is_root = overlay.target.as_os_str() == "/";
            for change in changes(&upper, &overlay.lower)? {
                let ours = OF_THE_HOST
                    .iter()
                    .any(|path| change.path == PathBuf::from(path));
                if is_root && ours {
                    continue;
                }
                found.push(ContainerChange {
                    path: overlay.target.join(&change.path),
                    kind: change.kind,
                    cost: change.cost,
                    copied_up: change.copied_up,
                });
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        // The directory of those files, when there is nothing else in it.
        let below = |path: &PathBuf| found.iter().filter(|c| c.path.starts_with(path)).count();
        let etc = PathBuf::from("/etc");
        if below(&etc) == 1 {
            found.retain(|change| change.path != etc);
        }
        Ok(found)
    }
}
