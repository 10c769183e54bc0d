//! An OCI layout, in a directory or an archive.

use std::io::Read;

use spec::image::{ANNOTATION_REF_NAME, Descriptor, Index, MEDIA_TYPE_INDEX};

use super::files::Files;
use crate::pull::Source;
use crate::registry::RawManifest;
use crate::{Digest, Error};

/// containerd and Docker write the whole name here, and only the tag where the specification says.
const ANNOTATION_FULL_NAME: &str = "io.containerd.image.name";

/// One image of a layout.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) files: &'a Files,
    /// What is meant in it.
    pub(super) entry: Descriptor,
}

/// What a layout holds.
pub(super) fn entries(files: &Files) -> Result<Vec<Descriptor>, Error> {
    let bytes = files.read("index.json")?;
    let index = Index::parse(&bytes).map_err(|source| Error::Document {
        path: "index.json".into(),
        source,
    })?;
    Ok(index.manifests)
}

/// The name of an entry, if it has one.
pub(super) fn name(entry: &Descriptor) -> Option<&String> {
    let full = entry.annotations.get(ANNOTATION_FULL_NAME);
    full.or_else(|| entry.annotations.get(ANNOTATION_REF_NAME))
}

/// Whether an entry is called so.
pub(super) fn is_called(entry: &Descriptor, wanted: &str) -> bool {
    let own = entry.annotations.get(ANNOTATION_REF_NAME);
    name(entry).is_some_and(|name| name == wanted) || own.is_some_and(|name| name == wanted)
}

impl Layout<'_> {
    fn document(&self, digest: &Digest, media_type: &str) -> Result<RawManifest, Error> {
        let bytes = self.files.read(&path(digest))?;
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(Error::WrongDigest {
                what: format!("{} of {}", path(digest), self.files.name()),
                found,
                expected: digest.clone(),
            });
        }
        Ok(RawManifest {
            bytes,
            media_type: media_type.to_owned(),
            digest: found,
        })
    }
}

impl Source for Layout<'_> {
    fn top(&self) -> Result<RawManifest, Error> {
        self.document(&self.entry.digest.parse()?, &self.entry.media_type)
    }

    fn manifest(&self, digest: &Digest) -> Result<RawManifest, Error> {
        self.document(digest, MEDIA_TYPE_INDEX).map(|mut document| {
            document.media_type.clear();
            document
        })
    }

    fn blob(
        &self,
        digest: &Digest,
        _size: u64,
        offset: u64,
    ) -> Result<Box<dyn Read + Send + '_>, Error> {
        match self.files.open(&path(digest), offset)? {
            Some((part, _)) => Ok(Box::new(part)),
            None => Err(Error::Unusable {
                what: self.files.name(),
                why: format!("the blob {digest} is missing in it"),
            }),
        }
    }
}

fn path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
