//! Manifests and indexes: fetched as the bytes that their digest is of, and sent as such.

use spec::image::{
    MEDIA_TYPE_DOCKER_LIST, MEDIA_TYPE_DOCKER_MANIFEST, MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST,
};
use ureq::http::{Method, StatusCode};

use super::Error;
use super::client::{Body, Call, Client};
use crate::Digest;

/// The largest document that is taken (distribution-spec, "4 MiB at least").
pub(crate) const LARGEST: u64 = 8 << 20;

/// A manifest or an index as it is in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawManifest {
    /// The document.
    pub bytes: Vec<u8>,
    /// What it is said to be.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
}

/// Fetches what a tag or a digest means.
pub(super) fn get(client: &Client, reference: &str) -> Result<RawManifest, Error> {
    let repository = &client.endpoint.repository;
    let what = format!("getting the manifest {reference} of {repository}");
    let accept = [
        MEDIA_TYPE_INDEX,
        MEDIA_TYPE_MANIFEST,
        MEDIA_TYPE_DOCKER_LIST,
        MEDIA_TYPE_DOCKER_MANIFEST,
    ];
    let call = Call {
        what: &what,
        method: Method::GET,
        url: format!("/{repository}/manifests/{reference}"),
        headers: vec![("accept", accept.join(", "))],
        body: Body::None,
        scope: format!("repository:{repository}:pull"),
    };
    let (answer, bytes) = client.document(&call, LARGEST)?;
    let media_type = answer.header("content-type").unwrap_or_default();
    let media_type = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let said = answer
        .header("docker-content-digest")
        .and_then(|text| text.parse::<Digest>().ok());
    let digest = Digest::of(&bytes);
    // A digest that was asked for is what counts; else the registry's own must be true.
    match reference.parse::<Digest>().ok().or(said) {
        Some(expected) if expected != digest => Err(Error::WrongDigest {
            what: format!("the manifest {reference} of {repository}"),
            host: client.host().to_owned(),
            found: digest,
            expected,
        }),
        _ => Ok(RawManifest {
            bytes,
            media_type,
            digest,
        }),
    }
}

/// Whether a registry said that it knows what a manifest is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Known,
    /// It does not know of such things, or there is nothing to know.
    Unknown,
}

/// Sends a manifest under a tag or its digest.
pub(super) fn put(
    client: &Client,
    reference: &str,
    manifest: &RawManifest,
) -> Result<Subject, Error> {
    let repository = &client.endpoint.repository;
    let what = format!("pushing the manifest {reference} of {repository}");
    let call = Call {
        what: &what,
        method: Method::PUT,
        url: format!("/{repository}/manifests/{reference}"),
        headers: vec![("content-type", manifest.media_type.clone())],
        body: Body::Bytes(&manifest.bytes),
        scope: format!("repository:{repository}:pull,push"),
    };
    let answer = client.demand(&call, &[StatusCode::CREATED])?;
    Ok(match answer.header("oci-subject") {
        Some(_) => Subject::Known,
        None => Subject::Unknown,
    })
}
