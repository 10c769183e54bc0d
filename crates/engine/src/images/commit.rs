//! Images of what containers wrote.

use std::path::Path;

use image::{Image, NewImage, Platform, Top};
use spec::image::ContainerDefaults;

use super::change::apply;
use super::export::stacks;
use super::tag::new_name;
use crate::container::Record;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// What every container has and nobody wrote: files that name the host, and the places of mounts.
pub(super) const OF_THE_HOST: &[&str] = &[
    "dev",
    "etc/hostname",
    "etc/hosts",
    "etc/resolv.conf",
    "proc",
    "sys",
];

/// What is to be committed.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// The container.
    pub container: String,
    /// The image's name.
    pub name: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// What its maker says.
    pub message: Option<String>,
    /// Instructions of a Dockerfile that change its configuration.
    pub changes: Vec<String>,
    /// Whether the container stands still meanwhile, if it runs.
    pub pause: bool,
    /// When it was made, in seconds since 1970.
    pub epoch: Option<i64>,
}

impl Engine {
    /// Makes an image of a container's image and of what the container wrote; gives back its id.
    ///
    /// # Errors
    /// An unknown container; one whose root is a directory.
    pub fn commit(&self, request: &CommitRequest) -> Result<String, Error> {
        let record = self.find(&request.container)?;
        let names = request.name.as_deref().map(new_name).transpose()?;
        let (Some(facts), Some(overlay)) = (&record.image, record.overlays.first()) else {
            return Err(Error::Unsupported {
                what: format!("committing container {}", record.name),
                why: "its root is a directory: export it, and import the archive",
            });
        };
        let store = self.image_store();
        let (base, top) = match facts.id.as_str() {
            // The built-in image is no base for another one, which gets the host's programs.
            "" => (None, Top::Seen(stacks(&record))),
            id => {
                let upper = overlay.writable.join("upper");
                (Some(store.find(id)?.image), Top::Upper(upper, OF_THE_HOST))
            }
        };
        let mut config = configuration(&record, base.as_ref());
        for change in &request.changes {
            apply(&mut config, change)?;
        }
        // One that does not run stands still anyway.
        let pause = request.pause && self.pause(&record.id).is_ok();
        let made = store.make_image(NewImage {
            names: names.into_iter().collect(),
            platform: base
                .as_ref()
                .map_or_else(Platform::host, |base| base.platform.clone()),
            base,
            top,
            config,
            created_by: record.process.args.join(" "),
            author: request.author.clone(),
            comment: request.message.clone(),
            epoch: request.epoch,
        });
        if pause {
            self.unpause(&record.id)?;
        }
        let id = made?.to_string();
        let event = Event::of_container(&record, "commit")
            .with("comment", request.message.as_deref().unwrap_or_default())
            .with("imageID", &id)
            .with("imageRef", request.name.as_deref().unwrap_or_default());
        note(&self.paths, &[event]);
        Ok(id)
    }
}

/// What the image says about processes: its base's words, and the container's.
fn configuration(record: &Record, base: Option<&Image>) -> ContainerDefaults {
    let mut config = match base {
        Some(base) => base.config.clone(),
        None => ContainerDefaults {
            cmd: record.process.args.clone(),
            ..Default::default()
        },
    };
    let of_base = std::mem::take(&mut config.env);
    config.env.clone_from(&record.process.env);
    // What every container gets is not the image's.
    config
        .env
        .retain(|variable| of_base.contains(variable) || !is_ours(variable));
    config.labels.clone_from(&record.process.labels);
    if let Some(entrypoint) = &record.config.entrypoint {
        config.entrypoint.clone_from(entrypoint);
    }
    if !record.config.command.is_empty() {
        config.cmd.clone_from(&record.config.command);
    }
    let directory = record.config.working_dir.as_deref().map(Path::display);
    if let Some(directory) = directory {
        config.working_dir = Some(directory.to_string());
    }
    if record.config.user.is_some() {
        config.user.clone_from(&record.config.user);
    }
    config
}

/// Variables that a container has without anybody saying so.
fn is_ours(variable: &str) -> bool {
    ["HOSTNAME=", "HOME=", "TERM="]
        .iter()
        .any(|name| variable.starts_with(name))
}
