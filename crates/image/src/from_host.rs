//! Images made of the host's own programs: the named ones, the libraries and interpreters they
//! need, and nothing else. The same files make the same image, byte for byte.

mod config;
mod pack;
mod select;

pub(crate) use select::check;

use std::path::PathBuf;

use crate::content::Images;
use crate::layer::Layer;
use crate::tree::Tree;
use crate::unpack::Rights;
use crate::{Digest, Error, Reference, host};

/// What goes into an image.
#[derive(Debug, Clone)]
pub struct FromHost {
    /// The image's name.
    pub tag: Reference,
    /// Programs and scripts; the first is what the image runs.
    pub binaries: Vec<PathBuf>,
    /// Further files and whole directories.
    pub with: Vec<PathBuf>,
    /// No file of the image is younger than this (seconds since 1970), and the image was made
    /// then; without it, the time of the youngest file counts.
    pub epoch: Option<i64>,
}

impl Images {
    /// Makes an image of the host's files; one that has the name already loses it.
    ///
    /// # Errors
    /// Named files that are missing or no programs, and missing libraries and interpreters, each
    /// by name; the store is unchanged then.
    pub fn from_host(&self, request: &FromHost) -> Result<Digest, Error> {
        if host::is_built_in(&request.tag.familiar()) {
            return Err(Error::BuiltIn {
                name: request.tag.familiar(),
            });
        }
        let mut tree = Tree::new("/".as_ref());
        let selection = select::select(&mut tree, &request.binaries, &request.with)?;
        let epoch = request.epoch.unwrap_or_else(|| pack::youngest(&tree));
        self.create()?;
        let layer = Layer::make(self, Rights::of_process(), |out| {
            pack::pack(&tree, epoch, out)
        })?;
        let config = config::config(&selection, &layer.diff_id, epoch);
        let store = self.exclude()?;
        store.sweep_unfinished()?;
        let (diff_id, size) = (layer.diff_id.clone(), layer.size);
        layer.put(&store)?;
        store.add_image(&request.tag, &config, &[(diff_id, size)])
    }
}
