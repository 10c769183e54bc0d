//! `save`: images as an archive that is an OCI layout and Docker's at once, as Docker itself
//! writes since version 25. The same images give the same bytes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};

use serde_json::{Value, json};
use spec::image::{ANNOTATION_REF_NAME, Descriptor, MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST};

use crate::content::Shared;
use crate::tar::{Entry, Kind, Writer};
use crate::{Digest, Error, Found, NamedBy, Reference};

const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

impl Shared<'_> {
    /// Writes images to an archive.
    ///
    /// # Errors
    /// When one is not complete here, or the stream fails.
    pub fn save(&self, images: &[Found], out: &mut dyn Write) -> Result<(), Error> {
        let contents = self.contents(images)?;
        let mut archive = Writer::new(out);
        let failed = || Error::stream("writing the archive");
        for name in ["blobs/", "blobs/sha256/"] {
            let entry = Entry::new(name, Kind::Directory, 0o755);
            archive.append(&entry, io::empty()).map_err(failed())?;
        }
        for digest in &contents.blobs {
            let path = self.images.blob(digest);
            let file = File::open(&path).map_err(Error::io("opening", &path))?;
            let mut entry = file_entry(&format!("blobs/sha256/{}", digest.hex()));
            entry.size = file
                .metadata()
                .map_err(Error::io("looking at", &path))?
                .len();
            archive.append(&entry, file).map_err(failed())?;
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE_INDEX,
            "manifests": contents.entries,
        });
        let documents = [
            ("index.json", index.to_string()),
            ("manifest.json", Value::from(contents.docker).to_string()),
        ];
        for (name, text) in &documents {
            let mut entry = file_entry(name);
            entry.size = text.len() as u64;
            archive.append(&entry, text.as_bytes()).map_err(failed())?;
        }
        let mut entry = file_entry("oci-layout");
        entry.size = LAYOUT.len() as u64;
        archive.append(&entry, LAYOUT).map_err(failed())?;
        archive.finish().map(drop).map_err(failed())
    }

    fn contents(&self, images: &[Found]) -> Result<Contents, Error> {
        let mut contents = Contents::default();
        for found in images {
            let image = &found.image;
            let names = match &found.named_by {
                NamedBy::Reference(name) if name.digest().is_none() => vec![name.clone()],
                _ => Vec::new(),
            };
            let manifest = self.images.read_manifest(&image.manifest)?;
            let place = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
            let mut layers = Vec::new();
            for layer in &manifest.layers {
                let digest: Digest = layer.digest.parse()?;
                layers.push(place(&digest));
                contents.blobs.insert(digest);
            }
            contents.blobs.insert(image.id.clone());
            contents.blobs.insert(image.manifest.clone());
            let tags: Vec<String> = names.iter().map(Reference::familiar).collect();
            contents.docker.push(json!({
                "Config": place(&image.id),
                "RepoTags": tags,
                "Layers": layers,
            }));
            let bytes = self.images.read_blob(&image.manifest)?;
            let mut entry = Descriptor {
                media_type: manifest
                    .media_type
                    .unwrap_or_else(|| MEDIA_TYPE_MANIFEST.to_owned()),
                digest: image.manifest.to_string(),
                size: bytes.len() as u64,
                platform: Some(image.platform.document()),
                ..Default::default()
            };
            for name in &names {
                let tag = name.tag().unwrap_or_default().to_owned();
                entry
                    .annotations
                    .insert("io.containerd.image.name".to_owned(), name.to_string());
                entry
                    .annotations
                    .insert(ANNOTATION_REF_NAME.to_owned(), tag);
            }
            contents.entries.push(entry);
        }
        Ok(contents)
    }
}

#[derive(Default)]
struct Contents {
    /// Sorted, each once.
    blobs: BTreeSet<Digest>,
    entries: Vec<Descriptor>,
    docker: Vec<Value>,
}

fn file_entry(name: &str) -> Entry {
    Entry::new(name, Kind::File, 0o644)
}
