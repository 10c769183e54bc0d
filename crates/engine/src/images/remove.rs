//! Removing images: a name, an image with its last name, and all that nobody uses.

use std::path::PathBuf;

use image::{Found, Image, Images, NamedBy, Platform, Removal};

use crate::container::Record;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// What [`Engine::remove_image`] and [`Engine::prune_images`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovedImage {
    /// The names that mean nothing any more.
    pub untagged: Vec<String>,
    /// The digests of the configuration and the layers that are gone.
    pub deleted: Vec<String>,
    /// Bytes on the disk that are free now.
    pub freed: u64,
}

impl Engine {
    /// Removes a name from the images that it means, and with its last name an image; with
    /// platforms, only from those for them.
    ///
    /// # Errors
    /// An unknown image; [`Error::ImageInUse`], unless `force` is given: containers that use it
    /// keep its layers then.
    pub fn remove_image(
        &self,
        name: &str,
        platforms: &[Platform],
        force: bool,
    ) -> Result<RemovedImage, Error> {
        let store = self.image_store();
        let exclusive = store.exclude()?;
        let meant = meant(&store, name, platforms)?;
        let containers = self.list(true)?;
        let records = containers.iter().map(|(record, _)| record);
        for found in &meant {
            let user = records.clone().find(|record| uses(record, found));
            if let Some(record) = user
                && !force
                && takes_last_name(found)
            {
                return Err(Error::ImageInUse {
                    image: name.to_owned(),
                    container: record.short_id().to_owned(),
                });
            }
        }
        let in_use = layers_of(records);
        let mut total = Removal::default();
        for found in &meant {
            let removal = exclusive.remove(found, &in_use)?;
            self.note_removal(&found.image, &removal);
            add(&mut total, removal);
        }
        // A name that meant several images is gone once.
        total.untagged.dedup();
        Ok(total.into())
    }

    /// Removes images without a name, or with `all` every image that no container uses. With a
    /// condition, only those that meet it; without, also whatever else nobody refers to.
    ///
    /// # Errors
    /// When the store cannot be read or changed.
    pub fn prune_images(
        &self,
        all: bool,
        condition: Option<&dyn Fn(&Image) -> bool>,
    ) -> Result<RemovedImage, Error> {
        let store = self.image_store();
        let exclusive = store.exclude()?;
        let containers = self.list(true)?;
        let records = containers.iter().map(|(record, _)| record);
        let in_use = layers_of(records.clone());
        let mut total = Removal::default();
        for image in store.list()? {
            let found = Found {
                named_by: NamedBy::Id,
                image,
            };
            let is_used = records.clone().any(|record| uses(record, &found));
            let is_meant = condition.is_none_or(|is_met| is_met(&found.image));
            if is_used || !is_meant || !(all || found.image.references.is_empty()) {
                continue;
            }
            let removal = exclusive.remove(&found, &in_use)?;
            self.note_removal(&found.image, &removal);
            add(&mut total, removal);
        }
        if condition.is_none() {
            add(&mut total, exclusive.sweep(&in_use)?);
        }
        note(&self.paths, &[Event::of_prune("image", total.freed)]);
        Ok(total.into())
    }

    fn note_removal(&self, image: &Image, removal: &Removal) {
        let id = image.id.to_string();
        let event = |action| Event::of_image(&id, &id, action);
        let untagged = removal.untagged.iter().map(|_| event("untag"));
        let deleted = (!removal.deleted.is_empty()).then(|| event("delete"));
        note(&self.paths, &untagged.chain(deleted).collect::<Vec<_>>());
    }
}

/// The images that a text means.
fn meant(store: &Images, name: &str, platforms: &[Platform]) -> Result<Vec<Found>, Error> {
    if !platforms.is_empty() {
        let found = platforms
            .iter()
            .map(|platform| store.find_only_for(name, platform));
        return Ok(found.collect::<Result<_, _>>()?);
    }
    let found = store.find(name)?;
    let NamedBy::Reference(reference) = &found.named_by else {
        return Ok(vec![found]);
    };
    let images = store.all_called(reference)?.into_iter();
    let all = images.map(|image| Found {
        image,
        named_by: found.named_by.clone(),
    });
    Ok(all.collect())
}

fn add(total: &mut Removal, more: Removal) {
    total.untagged.extend(more.untagged);
    total.deleted.extend(more.deleted);
    total.freed += more.freed;
}

fn uses(record: &Record, found: &Found) -> bool {
    let mounted = record.mounted_images.iter().map(|mounted| &mounted.image);
    let mut all = record.image.iter().chain(mounted);
    all.any(|facts| facts.id == found.image.id.to_string())
}

/// The directories that containers have in their overlays.
fn layers_of<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<PathBuf> {
    let overlays = records.flat_map(|record| {
        let mounted = record.mounted_images.iter().map(|mounted| &mounted.overlay);
        record.overlays.iter().chain(mounted)
    });
    overlays
        .flat_map(|overlay| overlay.lower.iter().cloned())
        .collect()
}

/// Whether the image goes with the name it was asked for by.
fn takes_last_name(found: &Found) -> bool {
    match found.named_by {
        NamedBy::Reference(_) => found.image.references.len() <= 1,
        NamedBy::Id => true,
    }
}

impl From<Removal> for RemovedImage {
    fn from(removal: Removal) -> Self {
        let names = removal.untagged.iter();
        Self {
            untagged: names.map(image::Reference::familiar).collect(),
            deleted: removal.deleted.iter().map(ToString::to_string).collect(),
            freed: removal.freed,
        }
    }
}
