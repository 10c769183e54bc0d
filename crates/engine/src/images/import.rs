//! Images from file systems: an archive, or a directory such as debootstrap makes.

use std::io::Read;
use std::path::PathBuf;

use image::archive::Opened;
use image::{NewImage, Platform, Top};
use spec::image::ContainerDefaults;

use super::change::apply;
use super::tag::new_name;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// What is to be imported.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// An archive or a directory; the stream without.
    pub path: Option<PathBuf>,
    /// The image's name.
    pub name: Option<String>,
    /// Instructions of a Dockerfile that change its configuration.
    pub changes: Vec<String>,
    /// What its maker says.
    pub message: Option<String>,
    /// What it runs on; this machine without.
    pub platform: Option<Platform>,
    /// When it was made, in seconds since 1970.
    pub epoch: Option<i64>,
}

impl Engine {
    /// Makes an image of a file system; gives back its id.
    ///
    /// # Errors
    /// When what was given is no archive and no directory.
    pub fn import(&self, request: &ImportRequest, stream: impl Read) -> Result<String, Error> {
        let mut config = ContainerDefaults::default();
        for change in &request.changes {
            apply(&mut config, change)?;
        }
        let names = request.name.as_deref().map(new_name).transpose()?;
        let store = self.image_store();
        let opened = match &request.path {
            Some(path) => store.open_local(path, None)?,
            None => store.open_stream(stream, "the standard input")?,
        };
        let top = match opened {
            Opened::Archive(file) => Top::Archive(file),
            Opened::Directory(path) => Top::Directory(path),
            Opened::Images(_) => {
                return Err(Error::Invalid {
                    what: "archive",
                    why: "it holds images, not a file system: use wharf load".to_owned(),
                });
            }
        };
        let id = store.make_image(NewImage {
            names: names.into_iter().collect(),
            base: None,
            top,
            config,
            platform: request.platform.clone().unwrap_or_else(Platform::host),
            created_by: String::new(),
            author: None,
            comment: request
                .message
                .clone()
                .or_else(|| Some("Imported from -".to_owned())),
            epoch: request.epoch,
        })?;
        let id = id.to_string();
        let name = request.name.as_ref().unwrap_or(&id);
        note(&self.paths, &[Event::of_image(&id, name, "import")]);
        Ok(id)
    }
}
