//! Referrers: the artifacts (signatures, lists of contents) that say which image they are about.
//! Registries that do not know of them keep an index under the tag `sha256-<hex>` instead, which
//! whoever pushes a referrer looks after.
//!
//! Source: distribution-spec 1.1, "Listing Referrers" and "Pushing Manifests with Subject".

use serde::Deserialize;
use spec::image::{Descriptor, Index, MEDIA_TYPE_INDEX};
use ureq::http::{Method, StatusCode};

use super::client::{Body, Call, Client, MOST_PAGES};
use super::manifest::LARGEST;
use super::{Error, RawManifest, Repository, manifest, url};
use crate::Digest;

/// What a manifest says about itself and the one that it is about.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    subject: Option<Descriptor>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

impl Repository {
    /// What refers to a manifest; with a type, only artifacts of this one.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub fn referrers(
        &self,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, Error> {
        let client = self.client()?;
        let mut found = match listed(client, digest, artifact_type)? {
            Some(found) => found,
            None => tagged(client, digest)?.manifests,
        };
        // The registry need not have chosen.
        found.retain(|entry| {
            let kind = entry.artifact_type.as_deref();
            artifact_type.is_none_or(|wanted| kind == Some(wanted))
        });
        Ok(found)
    }
}

/// The registry's own list; nothing when it keeps none.
fn listed(
    client: &Client,
    digest: &Digest,
    artifact_type: Option<&str>,
) -> Result<Option<Vec<Descriptor>>, Error> {
    let repository = &client.endpoint.repository;
    let what = format!("listing the referrers of {digest} in {repository}");
    let mut next = format!("/{repository}/referrers/{digest}");
    if let Some(wanted) = artifact_type {
        url::add_query(&mut next, "artifactType", wanted);
    }
    let mut found = Vec::new();
    for page in 0..MOST_PAGES {
        let call = Call {
            what: &what,
            method: Method::GET,
            url: next,
            headers: vec![("accept", MEDIA_TYPE_INDEX.to_owned())],
            body: Body::None,
            scope: format!("repository:{repository}:pull"),
        };
        let answer = client.call(&call)?;
        if page == 0 && answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if answer.status != StatusCode::OK {
            return Err(client.refused(&what, answer));
        }
        let (answer, bytes) = client.whole(&call, answer, LARGEST)?;
        let further = answer.next_page();
        let index = Index::parse(&bytes)
            .map_err(|error| client.protocol(&what, format!("is no index: {error}")))?;
        found.extend(index.manifests);
        match further {
            Some(further) => next = further,
            None => return Ok(Some(found)),
        }
    }
    Err(client.protocol(&what, "has no end"))
}

fn tag(digest: &Digest) -> String {
    format!("sha256-{}", digest.hex())
}

/// The index that stands for a list.
fn tagged(client: &Client, digest: &Digest) -> Result<Index, Error> {
    let empty = Index {
        schema_version: 2,
        media_type: Some(MEDIA_TYPE_INDEX.to_owned()),
        ..Default::default()
    };
    let document = match manifest::get(client, &tag(digest)) {
        Err(Error::NotFound { .. }) => return Ok(empty),
        document => document?,
    };
    Index::parse(&document.bytes).map_err(|error| {
        let what = format!("getting the manifest {}", tag(digest));
        client.protocol(&what, format!("is no index: {error}"))
    })
}

/// Makes known what a manifest that was just pushed is about, where the registry did not.
pub(super) fn note(client: &Client, pushed: &RawManifest) -> Result<(), Error> {
    let Ok(about) = serde_json::from_slice::<About>(&pushed.bytes) else {
        return Ok(());
    };
    let subject = about
        .subject
        .and_then(|subject| subject.digest.parse().ok());
    let Some(subject) = subject else {
        return Ok(());
    };
    let mut index = tagged(client, &subject)?;
    let digest = pushed.digest.to_string();
    if index.manifests.iter().any(|entry| entry.digest == digest) {
        return Ok(());
    }
    let config = about.config.map(|config| config.media_type);
    index.manifests.push(Descriptor {
        media_type: pushed.media_type.clone(),
        digest,
        size: pushed.bytes.len() as u64,
        artifact_type: about.artifact_type.or(config),
        annotations: about.annotations,
        ..Default::default()
    });
    let bytes = serde_json::to_vec(&index)
        .map_err(|error| client.protocol("listing referrers", error.to_string()))?;
    let document = RawManifest {
        digest: Digest::of(&bytes),
        bytes,
        media_type: MEDIA_TYPE_INDEX.to_owned(),
    };
    manifest::put(client, &tag(&subject), &document).map(drop)
}
