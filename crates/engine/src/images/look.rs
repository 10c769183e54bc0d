//! Looking into the layers of an image.

use std::path::{Path, PathBuf};

use image::{Appearance, Effect, Usage, appearances, effects, usage};

use crate::{Engine, Error};

/// A layer of an image and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerLine {
    /// Its digest, uncompressed.
    pub diff_id: String,
    /// By which command it came about.
    pub created_by: String,
    /// Bytes of its archive as it is stored.
    pub archive: u64,
    /// What it does to those below.
    pub effect: Effect,
}

impl Engine {
    /// The layers of an image, the lowest first.
    ///
    /// # Errors
    /// An unknown image; a layer that is not here.
    pub fn image_layers(&self, name: &str) -> Result<Vec<LayerLine>, Error> {
        let (image, paths) = self.unpacked(name)?;
        let (config, manifest) = self.image_store().documents(&image)?;
        let steps = config.history.iter().filter(|step| !step.empty_layer);
        let steps: Vec<&str> = steps
            .map(|step| step.created_by.as_deref().unwrap_or_default())
            .collect();
        let effects = effects(&paths)?;
        let layers = image.diff_ids.iter().zip(&manifest.layers).zip(effects);
        let line = |(number, ((diff_id, layer), effect)): (
            usize,
            ((&image::Digest, &spec::image::Descriptor), Effect),
        )| LayerLine {
            diff_id: diff_id.to_string(),
            created_by: steps.get(number).copied().unwrap_or_default().to_owned(),
            archive: layer.size,
            effect,
        };
        Ok(layers.enumerate().map(line).collect())
    }

    /// What the layers of an image have at a path, the topmost first.
    ///
    /// # Errors
    /// As [`Engine::image_layers`].
    pub fn image_which(
        &self,
        name: &str,
        path: &Path,
    ) -> Result<(Vec<LayerLine>, Vec<Appearance>), Error> {
        let (_, paths) = self.unpacked(name)?;
        let found = appearances(&paths, path)?;
        Ok((self.image_layers(name)?, found))
    }

    /// What takes room in an image: at most `count` files and directories.
    ///
    /// # Errors
    /// As [`Engine::image_layers`].
    pub fn image_usage(&self, name: &str, count: usize) -> Result<Usage, Error> {
        let (_, paths) = self.unpacked(name)?;
        Ok(usage(&paths, count)?)
    }

    /// The directories of an image's layers, the lowest first; they stay as long as nobody removes
    /// the image.
    ///
    /// # Errors
    /// As [`Engine::image_layers`].
    pub fn image_directories(&self, name: &str) -> Result<Vec<PathBuf>, Error> {
        Ok(self.unpacked(name)?.1)
    }

    fn unpacked(&self, name: &str) -> Result<(image::Image, Vec<PathBuf>), Error> {
        let store = self.image_store();
        let shared = store.share()?;
        let image = store.find(name)?.image;
        // Unpacks what is not.
        let mut paths = shared.stack(name, None)?.root;
        paths.reverse();
        Ok((image, paths))
    }
}
