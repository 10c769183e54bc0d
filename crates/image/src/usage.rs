//! What files take on the disk, as `du` counts it: blocks, and a file with several names once.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::Error;

/// The bytes that a file or a directory with everything in it takes.
pub(crate) fn of_tree(path: &Path) -> Result<u64, Error> {
    let mut counter = Counter::default();
    counter.add(path)?;
    Ok(counter.bytes)
}

/// Counts several trees, a file that stands in more than one only once.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    seen: BTreeSet<(u64, u64)>,
    pub(crate) bytes: u64,
}

impl Counter {
    /// Adds a file or a directory with everything in it; what goes away meanwhile takes nothing.
    pub(crate) fn add(&mut self, path: &Path) -> Result<(), Error> {
        let mut rest = vec![path.to_owned()];
        while let Some(path) = rest.pop() {
            let metadata = match path.symlink_metadata() {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(Error::io("looking at", &path))?,
            };
            let shared = metadata.nlink() > 1 && !metadata.is_dir();
            if shared && !self.seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            self.bytes += metadata.blocks() * 512;
            if !metadata.is_dir() {
                continue;
            }
            let entries = match std::fs::read_dir(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries.map_err(Error::io("reading", &path))?,
            };
            for entry in entries {
                rest.push(entry.map_err(Error::io("reading", &path))?.path());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_du_says() {
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path().join("tree");
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        std::fs::write(tree.join("a/file"), vec![1; 100_000]).unwrap();
        std::fs::hard_link(tree.join("a/file"), tree.join("a/b/name")).unwrap();
        std::os::unix::fs::symlink("x", tree.join("link")).unwrap();
        let du = std::process::Command::new("du")
            .args(["-s", "-B1"])
            .arg(&tree)
            .output();
        let text = String::from_utf8(du.unwrap().stdout).unwrap();
        let said: u64 = text.split_whitespace().next().unwrap().parse().unwrap();
        assert_eq!(of_tree(&tree).unwrap(), said);
    }
}
