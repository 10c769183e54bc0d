//! What an image gives to a container: directories to stack, and the words of its configuration.

use std::path::PathBuf;

use spec::image::ContainerDefaults;

use crate::content::Shared;
use crate::list::{Image, NamedBy};
use crate::{Digest, Error, Platform, host};

/// The read-only part of a root file system.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// The layers of the root, the topmost first.
    pub root: Vec<PathBuf>,
    /// Overlays below the root, in the order in which they are mounted.
    pub extra: Vec<Extra>,
    /// What the image says about processes.
    pub config: ContainerDefaults,
    /// The digest of the configuration; `None` for the built-in image, which has none.
    pub id: Option<Digest>,
    /// How the image is named: the familiar form, or the id if it has no name.
    pub name: String,
}

/// An overlay of one directory of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Where it is mounted inside, as `/usr`.
    pub destination: PathBuf,
    /// The host's directory.
    pub lower: PathBuf,
}

impl Shared<'_> {
    /// The layers of the image that is called `name`: the built-in `host`, a name, or the
    /// beginning of an id.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`], and [`Error::MissingLayer`]; with a `platform`,
    /// also when the image that is here is for another one.
    pub fn stack(&self, name: &str, platform: Option<&Platform>) -> Result<Stack, Error> {
        if host::is_built_in(name) {
            return host::stack(self.images);
        }
        let found = match platform {
            None => self.images.find(name)?,
            Some(wanted) => self.images.find_for(name, wanted)?,
        };
        if let Some(wanted) = platform
            && wanted.distance(&found.image.platform).is_none()
        {
            // One for the right platform may be elsewhere.
            return Err(Error::NotFound {
                name: format!("{name} for {wanted}"),
            });
        }
        let name = match found.named_by {
            NamedBy::Reference(reference) => reference.familiar(),
            NamedBy::Id => found.image.id.to_string(),
        };
        self.stack_of(&found.image, name)
    }

    fn stack_of(&self, image: &Image, name: String) -> Result<Stack, Error> {
        let mut root = Vec::new();
        for diff_id in image.diff_ids.iter().rev() {
            let layer = self.images.layer(diff_id);
            if !layer.is_dir() {
                self.images.unpack_again(image, diff_id)?;
            }
            root.push(layer);
        }
        Ok(Stack {
            root,
            extra: Vec::new(),
            config: image.config.clone(),
            id: Some(image.id.clone()),
            name,
        })
    }
}
