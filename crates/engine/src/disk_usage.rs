//! What everything below the data root takes on the disk, as `du` counts, and whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use image::{Image, Images};

use crate::container::{Live, Record};
use crate::{Engine, Error};

/// What one kind of things takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLine {
    /// `Images`, `Containers` and what else has an owner.
    pub kind: &'static str,
    /// How many there are.
    pub total: usize,
    /// How many are in use.
    pub active: usize,
    /// Bytes.
    pub size: u64,
    /// How many of them a prune would free.
    pub reclaimable: u64,
}

/// What one image takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDisk {
    /// The digest of its configuration.
    pub id: String,
    /// Bytes of its blobs and unpacked layers.
    pub size: u64,
    /// Of these, the ones that other images have too.
    pub shared: u64,
    /// How many containers are of it.
    pub containers: usize,
}

type Containers = Vec<(Record, Live)>;

impl Engine {
    /// What everything below the data root takes. The sizes are all of it, to the byte.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn disk_usage(&self) -> Result<Vec<DiskLine>, Error> {
        let store = self.image_store();
        let _shared = store.share()?;
        let containers = self.list(true)?;
        let part = |name: &str| {
            let mut parts = store.parts().into_iter();
            let path = parts.find(|(part, _)| *part == name).map(|(_, path)| path);
            size(&path.unwrap_or_default())
        };
        let downloads = DiskLine {
            kind: "Downloads cut off",
            total: partials(&store),
            active: 0,
            size: part("partial")?,
            reclaimable: part("partial")?,
        };
        let base = part("host")?;
        let base = DiskLine {
            kind: "Base of image host",
            total: usize::from(base > 0),
            active: 0,
            size: base,
            reclaimable: 0,
        };
        let images = part("blobs")? + part("layers")?;
        let mut lines = vec![
            images_line(&store, images, &containers)?,
            self.containers_line(&containers)?,
            self.volumes_line()?,
            downloads,
            base,
        ];
        let known: u64 = lines.iter().map(|line| line.size).sum();
        lines.push(DiskLine {
            kind: "Names and locks",
            total: 1,
            active: 1,
            size: size(&self.paths.data)?.saturating_sub(known),
            reclaimable: 0,
        });
        Ok(lines)
    }

    /// What each image takes, in the order of the store.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn image_disk_usage(&self) -> Result<Vec<ImageDisk>, Error> {
        let store = self.image_store();
        let _shared = store.share()?;
        let containers = self.list(true)?;
        let images = store.list()?;
        let mut users: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for image in &images {
            for path in store.paths_of(image)? {
                *users.entry(path).or_default() += 1;
            }
        }
        let line = |image: &Image| {
            let mut line = ImageDisk {
                id: image.id.to_string(),
                size: 0,
                shared: 0,
                containers: containers_of(&containers, image),
            };
            for path in store.paths_of(image)? {
                let bytes = size(&path)?;
                line.size += bytes;
                if users.get(&path).is_some_and(|count| *count > 1) {
                    line.shared += bytes;
                }
            }
            Ok(line)
        };
        images.iter().map(line).collect()
    }

    /// What a container takes: its writable layer, its log and its records.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn container_disk_usage(&self, record: &Record) -> Result<u64, Error> {
        size(&self.paths.data_dir(&record.id))
    }

    /// What a volume takes.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn volume_disk_usage(&self, name: &str) -> Result<u64, Error> {
        size(&self.paths.volumes().join(name))
    }

    fn containers_line(&self, containers: &Containers) -> Result<DiskLine, Error> {
        let idle = containers.iter().filter(|(_, live)| live.pid.is_none());
        let bytes = idle.map(|(record, _)| self.container_disk_usage(record).unwrap_or_default());
        Ok(DiskLine {
            kind: "Containers",
            total: containers.len(),
            active: containers
                .iter()
                .filter(|(_, live)| live.pid.is_some())
                .count(),
            size: size(&self.paths.data_containers())?,
            reclaimable: bytes.sum(),
        })
    }

    fn volumes_line(&self) -> Result<DiskLine, Error> {
        let volumes = self.volumes()?;
        let mut unused = 0;
        for (volume, _) in volumes.iter().filter(|(_, users)| users.is_empty()) {
            unused += self.volume_disk_usage(&volume.name)?;
        }
        Ok(DiskLine {
            kind: "Local Volumes",
            total: volumes.len(),
            active: volumes
                .iter()
                .filter(|(_, users)| !users.is_empty())
                .count(),
            size: size(&self.paths.volumes())?,
            reclaimable: unused,
        })
    }
}

fn images_line(store: &Images, size: u64, containers: &Containers) -> Result<DiskLine, Error> {
    let images = store.list()?;
    let is_used = |image: &&Image| containers_of(containers, image) > 0;
    Ok(DiskLine {
        kind: "Images",
        total: images.len(),
        active: images.iter().filter(is_used).count(),
        size,
        reclaimable: free(store, &images, containers)?,
    })
}

/// Bytes of images that no container uses, without what used ones share with them.
fn free(store: &Images, images: &[Image], containers: &Containers) -> Result<u64, Error> {
    let (mut kept, mut free) = (BTreeSet::new(), BTreeSet::new());
    for image in images {
        let paths = store.paths_of(image)?;
        match containers_of(containers, image) {
            0 => free.extend(paths),
            _ => kept.extend(paths),
        }
    }
    free.difference(&kept).map(|path| size(path)).sum()
}

fn containers_of(containers: &Containers, image: &Image) -> usize {
    let id = image.id.to_string();
    let images = containers
        .iter()
        .filter_map(|(record, _)| record.image.as_ref());
    images.filter(|facts| facts.id == id).count()
}

fn size(path: &Path) -> Result<u64, Error> {
    Ok(Images::disk_usage(path)?)
}

fn partials(store: &Images) -> usize {
    let parts = store.parts();
    let partial = parts.iter().find(|(name, _)| *name == "partial");
    partial
        .and_then(|(_, path)| std::fs::read_dir(path).ok())
        .map_or(0, Iterator::count)
}
