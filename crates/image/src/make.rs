//! Images made here: of a container's writable layer on top of its image, or of a tree alone.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use spec::image::{
    ContainerDefaults, Descriptor, History, ImageConfig, MEDIA_TYPE_CONFIG, MEDIA_TYPE_LAYER,
    MEDIA_TYPE_MANIFEST, Manifest, RootFs,
};
use store::Durability;

use crate::content::Images;
use crate::index::Naming;
use crate::layer::Layer;
use crate::lease::Lease;
use crate::list::Image;
use crate::merged::{Merged, Placed};
use crate::pack::{self, Packing};
use crate::registry::RawManifest;
use crate::unpack::Rights;
use crate::{Digest, Error, Platform, Reference};

/// What a new image is made of.
#[derive(Debug)]
pub enum Top {
    /// The writable layer of a container, in overlayfs' form, without these paths.
    Upper(PathBuf, &'static [&'static str]),
    /// All that is seen of layers.
    Seen(Vec<Placed>),
    /// A tree.
    Directory(PathBuf),
    /// An archive that is not compressed.
    Archive(File),
}

/// A new image.
#[derive(Debug)]
pub struct NewImage {
    /// What it is called.
    pub names: Vec<Reference>,
    /// The image below; nothing for a tree alone.
    pub base: Option<Image>,
    /// What is on top.
    pub top: Top,
    /// What it says about processes.
    pub config: ContainerDefaults,
    /// What it runs on.
    pub platform: Platform,
    /// By which command it came about.
    pub created_by: String,
    /// Who made it.
    pub author: Option<String>,
    /// What its maker says.
    pub comment: Option<String>,
    /// When it was made (seconds since 1970); no file in it is younger.
    pub epoch: Option<i64>,
}

impl Images {
    /// Makes an image; the store is as before when it fails.
    ///
    /// # Errors
    /// When something cannot be read, or written.
    pub fn make_image(&self, new: NewImage) -> Result<Digest, Error> {
        self.create()?;
        let shared = self.share()?;
        // What is below stays meanwhile.
        let below = new.base.iter().flat_map(|base| &base.diff_ids);
        let _lease = Lease::new(&shared, below.cloned())?;
        drop(shared);
        let rights = Rights::of_process();
        let packing = Packing {
            rights,
            epoch: new.epoch,
        };
        let layer = Layer::make(self, rights, |out| match &new.top {
            Top::Upper(path, skipped) => pack::layer(path, packing, skipped, out),
            Top::Seen(stacks) => Merged::of_placed(stacks)?.pack(packing, out),
            Top::Directory(path) => pack::layer(path, packing, &[], out),
            Top::Archive(file) => copy(file, out),
        })?;
        let (config, manifest) = self.new_documents(&new, &layer)?;
        let id = Digest::of(&config);
        let digest = Digest::of(&manifest);
        let store = self.exclude()?;
        layer.put(&store)?;
        store.put_document(&id, &config, Durability::Durable)?;
        store.put_document(&digest, &manifest, Durability::Durable)?;
        let manifest = RawManifest {
            bytes: manifest,
            media_type: MEDIA_TYPE_MANIFEST.to_owned(),
            digest,
        };
        let naming = Naming {
            manifest: &manifest,
            platform: &new.platform,
            index: None,
        };
        store.name_images(&new.names, &[naming])?;
        Ok(id)
    }

    fn new_documents(&self, new: &NewImage, layer: &Layer) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let (mut config, mut layers) = match &new.base {
            Some(base) => (
                self.read_config(&base.id)?,
                self.read_manifest(&base.manifest)?.layers,
            ),
            None => (ImageConfig::default(), Vec::new()),
        };
        let created = created(new.epoch);
        config.created = Some(created.clone());
        config.author.clone_from(&new.author);
        config.os.clone_from(&new.platform.os);
        config.architecture.clone_from(&new.platform.architecture);
        config.variant = Some(new.platform.variant.clone()).filter(|v| !v.is_empty());
        config.config = new.config.clone();
        config.rootfs = RootFs {
            kind: "layers".to_owned(),
            diff_ids: {
                let mut ids = config.rootfs.diff_ids;
                ids.push(layer.diff_id.to_string());
                ids
            },
        };
        config.history.push(History {
            created: Some(created),
            created_by: Some(new.created_by.clone()),
            author: new.author.clone(),
            comment: new.comment.clone(),
            ..Default::default()
        });
        layers.push(Descriptor {
            media_type: MEDIA_TYPE_LAYER.to_owned(),
            digest: layer.diff_id.to_string(),
            size: layer.size,
            ..Default::default()
        });
        let serialized = |what| move |source| Error::Serialize { what, source };
        let config =
            serde_json::to_vec(&config).map_err(serialized("the image's configuration"))?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MEDIA_TYPE_MANIFEST.to_owned()),
            config: Descriptor {
                media_type: MEDIA_TYPE_CONFIG.to_owned(),
                digest: Digest::of(&config).to_string(),
                size: config.len() as u64,
                ..Default::default()
            },
            layers,
            ..Default::default()
        };
        let manifest = serde_json::to_vec(&manifest).map_err(serialized("the image's manifest"))?;
        Ok((config, manifest))
    }
}

/// Writes what is seen of layers on top of each other as one archive.
///
/// # Errors
/// When something cannot be read, or the stream fails.
pub fn export(stacks: &[Placed], out: &mut dyn Write) -> Result<(), Error> {
    let packing = Packing {
        rights: Rights::of_process(),
        epoch: None,
    };
    Merged::of_placed(stacks)?.pack(packing, out)
}

fn created(epoch: Option<i64>) -> String {
    let epoch = epoch.and_then(|epoch| u64::try_from(epoch).ok());
    match epoch {
        None => store::time::now_rfc3339(),
        Some(seconds) => {
            let since = std::time::Duration::from_secs(seconds);
            store::time::rfc3339(std::time::UNIX_EPOCH + since)
        }
    }
}

fn copy(mut file: &File, out: &mut dyn Write) -> Result<(), Error> {
    let mut buffer = vec![0; 1 << 17];
    let failed = || Error::io("copying", Path::new("the archive"));
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count.map_err(failed())?,
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        out.write_all(bytes).map_err(failed())?;
    }
}
