//! Whether the store holds what it says: every digest, every reference. And mending it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use spec::image::{ImageConfig, Index, Manifest};

use crate::content::{Exclusive, Images};
use crate::digest::Hashing;
use crate::{Digest, Error, index};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What it is about: a name, a digest, a path.
    pub what: String,
    /// What is wrong.
    pub why: String,
    /// What was done about it, or can be.
    pub remedy: String,
    /// Whether it is mended.
    pub mended: bool,
}

/// A part of an image, and whether it is what its digest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it is: `manifest`, `config`, `layer`.
    pub part: &'static str,
    /// Its digest.
    pub digest: Digest,
    /// What is wrong with it, if anything is.
    pub problem: Option<String>,
}

impl Images {
    /// Reads all blobs of an image and compares them with their digests.
    ///
    /// # Errors
    /// When the manifest cannot be understood.
    pub fn verify(&self, manifest: &Digest) -> Result<Vec<Verified>, Error> {
        let part = |part, digest: &Digest| Verified {
            part,
            digest: digest.clone(),
            problem: self.problem(digest),
        };
        let mut found = vec![part("manifest", manifest)];
        if found.iter().any(|part| part.problem.is_some()) {
            return Ok(found);
        }
        let parsed = self.read_manifest(manifest)?;
        found.push(part("config", &parsed.config.digest.parse()?));
        for layer in &parsed.layers {
            found.push(part("layer", &layer.digest.parse()?));
        }
        Ok(found)
    }

    /// What is wrong with a blob.
    pub(crate) fn problem(&self, digest: &Digest) -> Option<String> {
        let file = match File::open(self.blob(digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Some("it is missing".to_owned());
            }
            Err(error) => return Some(error.to_string()),
        };
        let mut hashing = Hashing::new(file);
        if let Err(error) = io::copy(&mut hashing, &mut io::sink()) {
            return Some(error.to_string());
        }
        let (_, found, _) = hashing.finish();
        (found != *digest).then(|| format!("its digest is {found}"))
    }
}

impl Exclusive<'_> {
    /// Checks every reference and digest of the store; with `repair`, removes what is damaged, so
    /// that the next pull brings it again, and unpacks layers that are lost.
    ///
    /// # Errors
    /// When the store cannot be read or changed.
    pub fn check(&self, repair: bool) -> Result<Vec<Damage>, Error> {
        let mut found = Vec::new();
        let mut index = self.images.read_index()?;
        let before = index.manifests.len();
        let mut lost = Vec::new();
        for entry in &index.manifests {
            let name = index::name(entry).unwrap_or(&entry.digest).to_owned();
            if let Err(why) = self.documents_of(&entry.digest) {
                found.push(Damage {
                    what: name,
                    why,
                    remedy: "the image is not usable: it is removed, to be pulled again".to_owned(),
                    mended: repair,
                });
                lost.push(entry.clone());
            }
        }
        index.manifests.retain(|entry| !lost.contains(entry));
        if repair && index.manifests.len() != before {
            self.write_index(&index)?;
        }
        for image in index.manifests.iter().map(|entry| entry.digest.parse()) {
            self.check_layers(&image?, repair, &mut found)?;
        }
        self.check_others(&index, repair, &mut found)?;
        Ok(found)
    }

    /// Checks the blobs that are no part of an image: indexes, and what they name beside images.
    fn check_others(
        &self,
        index: &Index,
        repair: bool,
        found: &mut Vec<Damage>,
    ) -> Result<(), Error> {
        let mut checked: BTreeSet<String> = found.iter().map(|one| one.what.clone()).collect();
        for entry in &index.manifests {
            checked.insert(entry.digest.clone());
            if let Ok((manifest, _)) = self.documents_of(&entry.digest) {
                let parts = manifest.layers.into_iter().chain([manifest.config]);
                checked.extend(parts.map(|part| part.digest));
            }
        }
        let directory = self.images.blobs();
        let entries = std::fs::read_dir(&directory).map_err(Error::io("reading", &directory))?;
        for entry in entries {
            let name = entry.map_err(Error::io("reading", &directory))?.file_name();
            let Some(digest) = name.to_str().and_then(Digest::from_hex) else {
                continue;
            };
            let problem = match checked.contains(&digest.to_string()) {
                true => None,
                false => self.images.problem(&digest),
            };
            let Some(why) = problem else { continue };
            if repair {
                store::remove_tree(&self.images.blob(&digest))?;
            }
            found.push(Damage {
                what: digest.to_string(),
                why,
                remedy: "pull the images for all platforms again".to_owned(),
                mended: repair,
            });
        }
        Ok(())
    }

    /// The documents of an image, or what is wrong with them.
    fn documents_of(&self, digest: &str) -> Result<(Manifest, ImageConfig), String> {
        let read = || -> Result<_, Error> {
            let manifest = self.images.read_manifest(&digest.parse()?)?;
            let config = self.images.read_config(&manifest.config.digest.parse()?)?;
            Ok((manifest, config))
        };
        read().map_err(|error| error.to_string())
    }

    fn check_layers(
        &self,
        image: &Digest,
        repair: bool,
        found: &mut Vec<Damage>,
    ) -> Result<(), Error> {
        let Ok((manifest, config)) = self.documents_of(&image.to_string()) else {
            return Ok(());
        };
        for (layer, diff_id) in manifest.layers.iter().zip(&config.rootfs.diff_ids) {
            let blob: Digest = layer.digest.parse()?;
            let problem = self.images.problem(&blob);
            let tree = self.images.layer(&diff_id.parse()?);
            let shown = tree.display().to_string();
            let known: Vec<String> = found.iter().map(|damage| damage.what.clone()).collect();
            if let Some(why) = &problem
                && !known.contains(&blob.to_string())
            {
                let path = self.images.blob(&blob);
                if repair {
                    store::remove_tree(&path)?;
                }
                found.push(Damage {
                    what: blob.to_string(),
                    why: why.clone(),
                    remedy: "pull the image again; containers of it run as long as the layer is \
                             unpacked"
                        .to_owned(),
                    mended: repair && why != "it is missing",
                });
            }
            if !tree.is_dir() && problem.is_some() && !known.contains(&shown) {
                found.push(Damage {
                    what: shown,
                    why: "the layer is not unpacked, and its blob is not there".to_owned(),
                    remedy: "pull the image again".to_owned(),
                    mended: false,
                });
            }
        }
        Ok(())
    }
}

/// What is in the store beside what the specification says: leftovers of crashes and of pulls
/// that were cut off.
impl Images {
    /// Where the parts of the store are that take room, by their kind.
    pub fn parts(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("blobs", self.blobs()),
            ("layers", self.layers()),
            ("partial", self.partials()),
            ("host", self.host_bases()),
        ]
    }

    /// Bytes that a file or directory takes on the disk, as `du` counts.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn disk_usage(path: &Path) -> Result<u64, Error> {
        match path.exists() {
            true => crate::usage::of_tree(path),
            false => Ok(0),
        }
    }
}
