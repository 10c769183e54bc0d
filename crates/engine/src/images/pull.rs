//! Pulling images.

use image::archive::Origin;
use image::registry::{Access, Repository, Settings};
use image::unpack::Limits;
use image::{InRegistry, Pull, Reference, Tools, Wanted};

use crate::events::{Event, note};
use crate::{Engine, Error, Kind};

/// What is to be pulled.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// The image's name.
    pub image: String,
    /// Which of several images.
    pub wanted: Wanted,
    /// What a layer may be.
    pub limits: Limits,
}

/// What was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullResult {
    /// The name in its normal form: `docker.io/library/tiny:latest`.
    pub name: String,
    /// The name as people write it.
    pub familiar: String,
    /// All names of the image in an archive, as people write them.
    pub names: Vec<String>,
    /// The digest of what the name means.
    pub digest: String,
    /// The digest of the image's configuration; of the first if there are several.
    pub id: String,
    /// Whether the name meant something else before.
    pub is_new: bool,
}

impl Engine {
    /// Pulls an image. The workers' threads are joined when it returns.
    ///
    /// # Errors
    /// Whatever is wrong with the name, the registry or what it gave.
    pub fn pull(
        &self,
        request: &PullRequest,
        settings: &Settings,
        tools: Tools<'_>,
    ) -> Result<PullResult, Error> {
        let name = match Origin::parse(&request.image) {
            Origin::Registry(name) => name,
            Origin::Local { form, path, name } => {
                let opened = self.image_store().open_local(&path, form)?;
                let all = self.load_opened(opened, name.as_deref(), request, tools)?;
                return all.into_iter().next().ok_or_else(|| Error::Invalid {
                    what: "image",
                    why: format!("{} holds none", path.display()),
                });
            }
        };
        let mut failure = None;
        for reference in settings.candidates(&name)? {
            match self.pull_named(&reference, request, settings, tools) {
                // A short name may be that of an image elsewhere.
                Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Unavailable) => {
                    failure.get_or_insert(error);
                }
                outcome => return outcome,
            }
        }
        Err(failure.unwrap_or_else(|| Error::Invalid {
            what: "image",
            why: format!("{} stands for nothing", request.image),
        }))
    }

    /// All tags that a repository has in its registry, as names to pull.
    ///
    /// # Errors
    /// A name with a tag; whatever is wrong with the registry.
    pub fn tags_there(&self, name: &str, settings: &Settings) -> Result<Vec<String>, Error> {
        let given: Reference = name.parse()?;
        let has_tag = name.ends_with(&format!(":{}", given.tag().unwrap_or_default()));
        if has_tag || given.digest().is_some() {
            return Err(Error::Invalid {
                what: "image",
                why: format!("{name} has a tag or a digest, where all tags are meant"),
            });
        }
        let candidates = settings.candidates(name)?;
        let reference = candidates.first().unwrap_or(&given);
        let repository =
            Repository::open(settings, reference, Access::Pull).map_err(image::Error::from)?;
        let tags = repository.tags().map_err(image::Error::from)?;
        let names = tags.iter().map(|tag| reference.with_tag(tag).familiar());
        Ok(names.collect())
    }

    fn pull_named(
        &self,
        reference: &Reference,
        request: &PullRequest,
        settings: &Settings,
        tools: Tools<'_>,
    ) -> Result<PullResult, Error> {
        let repository =
            Repository::open(settings, reference, Access::Pull).map_err(image::Error::from)?;
        let source = InRegistry {
            repository: &repository,
            reference,
        };
        let pull = Pull {
            names: vec![reference.clone()],
            wanted: request.wanted.clone(),
            limits: request.limits,
        };
        let pulled = self.image_store().pull(&source, &pull, tools)?;
        let event = Event::of_image(
            &reference.familiar(),
            &reference.familiar_repository(),
            "pull",
        );
        note(&self.paths, &[event]);
        self.settle_later();
        Ok(PullResult {
            name: reference.to_string(),
            familiar: reference.familiar(),
            names: vec![reference.familiar()],
            digest: pulled.digest.to_string(),
            id: pulled
                .ids
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
            is_new: pulled.is_new,
        })
    }
}
