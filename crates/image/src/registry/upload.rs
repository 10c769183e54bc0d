//! Blobs on their way to a registry: not at all when it has them, from another repository when it
//! can, in one piece when they are small, in chunks that can be repeated otherwise.
//!
//! Source: distribution-spec, "Pushing blobs".

use std::fs::File;

use ureq::http::{Method, StatusCode};

use super::client::{Answer, Body, Call, Client};
use super::manifest::Subject;
use super::{Error, RawManifest, Repository, manifest, referrers, url};
use crate::Digest;

/// Of a chunk; what is at most so large goes in one piece.
const CHUNK: u64 = 64 << 20;

/// How a blob came to be in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It was there.
    Exists,
    /// It was taken from this other repository of the registry.
    Mounted(String),
    /// It was sent.
    Uploaded,
}

/// A blob here.
#[derive(Debug)]
pub struct LocalBlob<'a> {
    /// Its content.
    pub file: &'a File,
    /// Its digest.
    pub digest: &'a Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Repositories of the same registry that have it, as far as is known.
    pub elsewhere: &'a [String],
}

impl Repository {
    /// Sends a blob; `progress` is told how many more bytes were sent.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub fn push_blob(&self, blob: &LocalBlob<'_>, progress: &dyn Fn(u64)) -> Result<Sent, Error> {
        let upload = Upload {
            client: self.client()?,
            what: format!("pushing the blob {} of {}", blob.digest, self.name),
            blob,
        };
        if upload.exists()? {
            return Ok(Sent::Exists);
        }
        let mut begun = None;
        for from in blob.elsewhere {
            // Whoever cannot mount begins an upload, and only one is needed.
            if let Some(place) = begun.take() {
                upload.cancel(place)?;
            }
            match upload.start(Some(from))? {
                Some(place) => begun = Some(place),
                None => return Ok(Sent::Mounted(from.clone())),
            }
        }
        let place = match begun {
            Some(place) => Some(place),
            None => upload.start(None)?,
        };
        let Some(place) = place else {
            return Ok(Sent::Exists);
        };
        upload.send(place, progress)?;
        Ok(Sent::Uploaded)
    }

    /// Sends a manifest under a tag or its digest.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub fn push_manifest(&self, reference: &str, document: &RawManifest) -> Result<(), Error> {
        let client = self.client()?;
        match manifest::put(client, reference, document)? {
            Subject::Known => Ok(()),
            Subject::Unknown => referrers::note(client, document),
        }
    }
}

struct Upload<'a> {
    client: &'a Client,
    what: String,
    blob: &'a LocalBlob<'a>,
}

impl Upload<'_> {
    fn call<'b>(&'b self, method: Method, url: String, body: Body<'b>) -> Call<'b> {
        let repository = &self.client.endpoint.repository;
        Call {
            what: &self.what,
            method,
            url,
            headers: Vec::new(),
            body,
            scope: format!("repository:{repository}:pull,push"),
        }
    }

    fn exists(&self) -> Result<bool, Error> {
        let url = format!(
            "/{}/blobs/{}",
            self.client.endpoint.repository, self.blob.digest
        );
        let answer = self
            .client
            .call(&self.call(Method::HEAD, url, Body::None))?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.client.refused(&self.what, answer)),
        }
    }

    /// Asks for a place to send to; `None` when the registry took the blob from `from`.
    fn start(&self, from: Option<&String>) -> Result<Option<String>, Error> {
        let repository = &self.client.endpoint.repository;
        let mut url = format!("/{repository}/blobs/uploads/");
        if let Some(from) = from {
            url::add_query(&mut url, "mount", &self.blob.digest.to_string());
            url::add_query(&mut url, "from", from);
        }
        let mut call = self.call(Method::POST, url, Body::Bytes(&[]));
        if let Some(from) = from {
            // The token must allow to read there.
            call.scope = format!("repository:{repository}:pull,push repository:{from}:pull");
        }
        let answer = self
            .client
            .demand(&call, &[StatusCode::ACCEPTED, StatusCode::CREATED])?;
        match answer.status {
            StatusCode::CREATED => Ok(None),
            _ => self.place(&answer).map(Some),
        }
    }

    /// Ends an upload of which nothing was sent. A registry that does not know how forgets it by
    /// itself.
    fn cancel(&self, place: String) -> Result<(), Error> {
        let call = self.call(Method::DELETE, place, Body::None);
        self.client.call(&call).map(drop)
    }

    /// Where the next piece goes.
    fn place(&self, answer: &Answer) -> Result<String, Error> {
        let location = answer.header("location");
        location
            .and_then(|location| url::join(&answer.url, location))
            .ok_or_else(|| {
                self.client
                    .protocol(&self.what, "names no place to send to")
            })
    }

    fn send(&self, mut place: String, progress: &dyn Fn(u64)) -> Result<(), Error> {
        let LocalBlob { file, size, .. } = *self.blob;
        let mut start = 0;
        if size > CHUNK {
            while start < size {
                let length = CHUNK.min(size - start);
                let piece = Body::File(file, start, length);
                let mut call = self.call(Method::PATCH, place, piece);
                let range = format!("{start}-{}", start + length - 1);
                call.headers.push(("content-range", range));
                call.headers
                    .push(("content-type", "application/octet-stream".to_owned()));
                let answer = self.client.demand(&call, &[StatusCode::ACCEPTED])?;
                place = self.place(&answer)?;
                start += length;
                progress(length);
            }
        }
        url::add_query(&mut place, "digest", &self.blob.digest.to_string());
        let rest = match size - start {
            0 => Body::Bytes(&[]),
            length => Body::File(file, start, length),
        };
        let mut call = self.call(Method::PUT, place, rest);
        call.headers
            .push(("content-type", "application/octet-stream".to_owned()));
        self.client.demand(&call, &[StatusCode::CREATED])?;
        progress(size - start);
        Ok(())
    }
}
