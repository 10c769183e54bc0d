//! Making a container: its run directory and lock first, then its name, its writable layer, and
//! last its record, with which it exists. What a failure or a crash leaves before that is found by
//! the run directory.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use spec::image::ContainerDefaults;
use store::{Durability, Id};

use super::charge::Charge;
use super::config::{ContainerConfig, Root};
use super::find::RECORD;
use super::health::HealthConfig;
use super::image_mounts::MountedImage;
use super::record::{ImageFacts, Overlay, RECORD_VERSION, Record};
use super::{health, image_mounts, layer, name, process, publish, recover, resolver, volumes};
use crate::events::{Event, note};
use crate::images::{self, Base};
use crate::{Engine, Error};

/// A container that can be made: everything that could be wrong was looked at.
pub(super) struct Prepared<'a> {
    id: Id,
    ephemeral: bool,
    config: ContainerConfig,
    base: Base,
    mounted_images: Vec<MountedImage>,
    process: process::Resolved,
    health: Option<HealthConfig>,
    /// An image stays what it is until the record says that it is in use.
    _images: image::Shared<'a>,
}

impl Prepared<'_> {
    pub(super) fn id(&self) -> &str {
        self.id.as_str()
    }

    pub(super) fn config(&self) -> &ContainerConfig {
        &self.config
    }

    fn hostname(&self) -> &str {
        self.config.hostname.as_deref().unwrap_or(self.id.short())
    }
}

impl Engine {
    /// Makes a container, which is not started.
    ///
    /// # Errors
    /// Whatever is wrong with `config`; a taken name; an unknown image. Nothing is left then.
    pub fn create(&self, config: ContainerConfig) -> Result<Record, Error> {
        let images = self.image_store();
        let prepared = self.prepare_creation(config, &images, false)?;
        let charge = Charge::take_new(&self.paths, prepared.id())?;
        match self.build(&charge, &prepared) {
            Ok(record) => {
                note(&self.paths, &[Event::of_container(&record, "create")]);
                charge.give_up().map(|()| record)
            }
            Err(error) => {
                // The first error is the one to tell; what stays is swept.
                let _ = recover::clear_away(&self.paths, charge, prepared.id());
                Err(error)
            }
        }
    }

    /// Looks at everything that could be wrong; nothing is made.
    pub(super) fn prepare_creation<'a>(
        &self,
        config: ContainerConfig,
        images: &'a image::Images,
        ephemeral: bool,
    ) -> Result<Prepared<'a>, Error> {
        let mut config = self.check(config)?;
        let shared = images.share()?;
        let base = base_of(&config, &shared)?;
        volumes::add_images(&mut config, &base.defaults.other);
        publish::take_exposed(&mut config, &base.defaults.other)?;
        if config.networks.is_empty() {
            // The image's ports may be what a network is needed for.
            self.take_networks(&mut config)?;
        }
        let id = Id::random();
        let home = self.paths.data_dir(id.as_str());
        let mounted_images = image_mounts::find(&config, &shared, &home)?;
        let hostname = config.hostname.as_deref().unwrap_or(id.short());
        let process = process::resolve(&config, &base.defaults, hostname)?;
        let health = health::resolve(&config.health, base.defaults.healthcheck.as_ref())?;
        Ok(Prepared {
            id,
            ephemeral,
            config,
            base,
            mounted_images,
            process,
            health,
            _images: shared,
        })
    }

    /// Makes everything on disk; the record comes last.
    pub(super) fn build(&self, charge: &Charge, prepared: &Prepared<'_>) -> Result<Record, Error> {
        let (id, config, base) = (prepared.id(), &prepared.config, &prepared.base);
        let name = name::claim_name(&self.paths, config.name.as_deref(), id)?;
        let home = self.paths.data_dir(id);
        let place = match prepared.ephemeral {
            true => home.clone(),
            false => self.paths.data_dir_unfinished(id),
        };
        make_dir(&place)?;
        make_layer(prepared, &place)?;
        image_mounts::make(&prepared.mounted_images, &place)?;
        let overlays = overlays(base, &home);
        let mut config = config.clone();
        self.make_volumes(&mut config, &overlays)?;
        let record = Record {
            version: RECORD_VERSION,
            id: id.to_owned(),
            name,
            created: store::time::now_rfc3339(),
            ephemeral: prepared.ephemeral,
            image: base.image.clone(),
            overlays,
            mounted_images: prepared.mounted_images.clone(),
            config,
            process: prepared.process.clone(),
            health: prepared.health.clone(),
        };
        if record.ephemeral {
            let path = charge.directory().join(RECORD);
            store::write_json(&path, &record, Durability::Boot)?;
        } else {
            store::write_json(&place.join(RECORD), &record, Durability::Durable)?;
            std::fs::rename(&place, &home).map_err(|error| Error::io("naming", &home, error))?;
            sync(&self.paths.data_containers())?;
        }
        Ok(record)
    }
}

/// The layers and the words of an image or a directory.
fn base_of(config: &ContainerConfig, images: &image::Shared<'_>) -> Result<Base, Error> {
    match &config.root {
        Root::Image(reference) => images::base(images, reference, config.platform.as_deref()),
        Root::Directory { path, writable } => {
            let layers = match writable {
                true => Vec::new(),
                false => vec![("/".into(), vec![path.clone()])],
            };
            Ok(Base {
                image: None,
                layers,
                defaults: ContainerDefaults::default(),
            })
        }
    }
}

fn make_dir(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder
        .mode(0o700)
        .create(path)
        .map_err(|error| Error::io("making", path, error))
}

/// The overlays of a container whose directory is `home`.
fn overlays(base: &Base, home: &Path) -> Vec<Overlay> {
    let layer = home.join("layer");
    let of = |(target, lower): &(std::path::PathBuf, Vec<std::path::PathBuf>)| Overlay {
        target: target.clone(),
        lower: lower.clone(),
        writable: layer::place(&layer, target),
    };
    base.layers.iter().map(of).collect()
}

fn make_layer(prepared: &Prepared<'_>, place: &Path) -> Result<(), Error> {
    let overlays = overlays(&prepared.base, place);
    layer::make(&overlays)?;
    let Some(root) = overlays
        .iter()
        .find(|overlay| overlay.target == Path::new("/"))
    else {
        return Ok(());
    };
    // A host without the file has no resolver to hand on.
    let resolv = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let config = &prepared.config;
    layer::write_host_files(
        root,
        &layer::Names {
            hostname: prepared.hostname(),
            domainname: config.domainname.as_deref(),
            addresses: Vec::new(),
            hosts: &config.add_hosts,
            gateways: Vec::new(),
            resolv: &resolver::text(config, &[], &resolv),
        },
    )
}

fn sync(directory: &Path) -> Result<(), Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(directory, flags, Mode::empty())
        .and_then(rustix::fs::fsync)
        .map_err(|errno| Error::io("syncing", directory, errno))
}

impl Record {
    /// What the container was made from, as the user named it.
    pub fn origin(&self) -> String {
        match (&self.image, &self.config.root) {
            (Some(ImageFacts { reference, .. }), _) | (None, Root::Image(reference)) => {
                reference.clone()
            }
            (None, Root::Directory { path, .. }) => path.display().to_string(),
        }
    }
}
