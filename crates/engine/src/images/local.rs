//! Images from files and directories of this machine: `load`, `pull` from a path, and `run` of an
//! archive.

use std::io::Read;
use std::path::Path;

use image::archive::Opened;
use image::{NewImage, Platform, Pull, Tools, Top};

use super::pull::{PullRequest, PullResult};
use crate::container::Root;
use crate::events::{Event, note};
use crate::{Engine, Error};

impl Engine {
    /// Loads all images of an archive or a layout, with the names that they have in it.
    ///
    /// # Errors
    /// When there is no image in it, or one is damaged; those before it are loaded then.
    pub fn load(
        &self,
        path: &Path,
        request: &PullRequest,
        tools: Tools<'_>,
    ) -> Result<Vec<PullResult>, Error> {
        let opened = self.image_store().open_local(path, None)?;
        self.load_images(opened, &path.display().to_string(), request, tools)
    }

    /// As [`Engine::load`], of a stream.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn load_stream(
        &self,
        stream: impl Read,
        request: &PullRequest,
        tools: Tools<'_>,
    ) -> Result<Vec<PullResult>, Error> {
        let opened = self
            .image_store()
            .open_stream(stream, "the standard input")?;
        self.load_images(opened, "the standard input", request, tools)
    }

    fn load_images(
        &self,
        opened: Opened,
        name: &str,
        request: &PullRequest,
        tools: Tools<'_>,
    ) -> Result<Vec<PullResult>, Error> {
        match opened {
            Opened::Images(_) => self.load_opened(opened, None, request, tools),
            Opened::Archive(_) | Opened::Directory(_) => Err(Error::Invalid {
                what: "archive",
                why: format!(
                    "{name} holds no image; to make one of a file system, use wharf import"
                ),
            }),
        }
    }

    /// Brings what was opened into the store; a root file system becomes an image without a name.
    pub(super) fn load_opened(
        &self,
        opened: Opened,
        wanted: Option<&str>,
        request: &PullRequest,
        tools: Tools<'_>,
    ) -> Result<Vec<PullResult>, Error> {
        let store = self.image_store();
        let top = match opened {
            Opened::Images(stored) => {
                let mut all = Vec::new();
                for (names, source) in stored.members(wanted)? {
                    let pull = Pull {
                        names: names.clone(),
                        wanted: request.wanted.clone(),
                        limits: request.limits,
                    };
                    let pulled = store.pull(source.as_ref(), &pull, tools)?;
                    let id = pulled.ids.first().map(ToString::to_string);
                    let id = id.unwrap_or_default();
                    note(&self.paths, &[Event::of_image(&id, &id, "load")]);
                    let first = names.first();
                    all.push(PullResult {
                        name: first.map_or_else(|| id.clone(), ToString::to_string),
                        familiar: first.map_or_else(|| id.clone(), |name| name.familiar()),
                        names: names.iter().map(image::Reference::familiar).collect(),
                        digest: pulled.digest.to_string(),
                        id,
                        is_new: pulled.is_new,
                    });
                }
                self.settle_later();
                return Ok(all);
            }
            Opened::Archive(file) => Top::Archive(file),
            Opened::Directory(path) => Top::Directory(path),
        };
        let id = store.make_image(NewImage {
            names: Vec::new(),
            base: None,
            top,
            config: Default::default(),
            platform: Platform::host(),
            created_by: "wharf run".to_owned(),
            author: None,
            comment: None,
            // The same archive is the same image, whenever it is run.
            epoch: Some(0),
        })?;
        let id = id.to_string();
        Ok(vec![PullResult {
            name: id.clone(),
            familiar: id.clone(),
            names: Vec::new(),
            digest: id.clone(),
            id,
            is_new: true,
        }])
    }

    /// What a container's root is when its image is a path: a directory as it is, or the image
    /// that an archive or a layout holds.
    ///
    /// # Errors
    /// When nothing can be made of it.
    pub fn local_root(
        &self,
        path: &Path,
        request: &PullRequest,
        tools: Tools<'_>,
    ) -> Result<Root, Error> {
        match self.image_store().open_local(path, None)? {
            Opened::Directory(path) => Ok(Root::Directory {
                path: std::path::absolute(&path)
                    .map_err(|error| Error::io("finding", &path, error))?,
                writable: false,
            }),
            opened => {
                let all = self.load_opened(opened, None, request, tools)?;
                match all.as_slice() {
                    [one] => Ok(Root::Image(one.id.clone())),
                    _ => Err(Error::Invalid {
                        what: "image",
                        why: format!(
                            "{} holds {} images: load it, and run one by its name",
                            path.display(),
                            all.len()
                        ),
                    }),
                }
            }
        }
    }
}
