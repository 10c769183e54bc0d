//! Whether images are what they say, and what everything takes on the disk.

use std::path::PathBuf;

use image::{Damage, Images, Verified};

use crate::{Engine, Error};

/// What something takes on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLine {
    /// `Images`, `Containers` and what else has an owner.
    pub kind: &'static str,
    /// How many there are.
    pub total: usize,
    /// How many are in use.
    pub active: usize,
    /// Bytes, as `du` counts.
    pub size: u64,
    /// How many of them a prune would free.
    pub reclaimable: u64,
}

impl Engine {
    /// Reads all parts of an image and compares them with their digests.
    ///
    /// # Errors
    /// An unknown image.
    pub fn verify_image(&self, name: &str) -> Result<Vec<Verified>, Error> {
        let store = self.image_store();
        let _shared = store.share()?;
        let image = store.find(name)?.image;
        Ok(store.verify(&image.manifest)?)
    }

    /// Checks the image store; with `repair`, mends what can be.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn check_store(&self, repair: bool) -> Result<Vec<Damage>, Error> {
        let store = self.image_store();
        Ok(store.exclude()?.check(repair)?)
    }

    /// What everything below the data root takes. The sizes are all of it, to the byte.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn disk_usage(&self) -> Result<Vec<DiskLine>, Error> {
        let store = self.image_store();
        let _shared = store.share()?;
        let images = store.list()?;
        let containers = self.list(true)?;
        let used = |id: &image::Digest| {
            let id = id.to_string();
            let mut facts = containers
                .iter()
                .filter_map(|(record, _)| record.image.as_ref());
            facts.any(|facts| facts.id == id)
        };
        let active = images.iter().filter(|image| used(&image.id)).count();
        let size = |path: PathBuf| Images::disk_usage(&path);
        let part = |name: &str| {
            let mut parts = store.parts().into_iter();
            let path = parts.find(|(part, _)| *part == name).map(|(_, path)| path);
            size(path.unwrap_or_default())
        };
        let (blobs, layers) = (part("blobs")?, part("layers")?);
        let (partial, host) = (part("partial")?, part("host")?);
        let of_containers = size(self.paths.data_containers())?;
        let all = size(self.paths.data.clone())?;
        let idle: u64 = containers
            .iter()
            .filter(|(_, live)| live.pid.is_none())
            .map(|(record, _)| size(self.paths.data_dir(&record.id)).unwrap_or_default())
            .sum();
        let free = self.free_parts(&images, &used)?;
        let running = containers.iter().filter(|(_, live)| live.pid.is_some());
        let line = |kind, total, active, size, reclaimable| DiskLine {
            kind,
            total,
            active,
            size,
            reclaimable,
        };
        let known = blobs + layers + partial + host + of_containers;
        Ok(vec![
            line("Images", images.len(), active, blobs + layers, free),
            line(
                "Containers",
                containers.len(),
                running.count(),
                of_containers,
                idle,
            ),
            line("Downloads cut off", partials(&store), 0, partial, partial),
            line("Base of image host", usize::from(host > 0), 0, host, 0),
            line("Names and locks", 1, 1, all.saturating_sub(known), 0),
        ])
    }

    /// Bytes of images that no container uses, without what used ones share with them.
    fn free_parts(
        &self,
        images: &[image::Image],
        used: &dyn Fn(&image::Digest) -> bool,
    ) -> Result<u64, Error> {
        let store = self.image_store();
        let parts =
            |image: &image::Image| -> Result<Vec<PathBuf>, Error> { Ok(store.paths_of(image)?) };
        let mut kept = std::collections::BTreeSet::new();
        for image in images.iter().filter(|image| used(&image.id)) {
            kept.extend(parts(image)?);
        }
        let mut free = std::collections::BTreeSet::new();
        for image in images.iter().filter(|image| !used(&image.id)) {
            free.extend(parts(image)?);
        }
        let mut bytes = 0;
        for path in free.difference(&kept) {
            bytes += Images::disk_usage(path)?;
        }
        Ok(bytes)
    }
}

fn partials(store: &Images) -> usize {
    let parts = store.parts();
    let partial = parts.iter().find(|(name, _)| *name == "partial");
    partial
        .and_then(|(_, path)| std::fs::read_dir(path).ok())
        .map_or(0, Iterator::count)
}
