//! Signatures by sigstore's tools with a key (`cosign sign --key`, `skopeo copy
//! --sign-by-sigstore-private-key`): a small document names the digest of a manifest and the name
//! that it is signed for; it lies with its signatures under the tag `sha256-<hex>.sig` beside the
//! image.
//!
//! Source: cosign, specs/SIGNATURE_SPEC.md; containers-policy.json(5), "sigstoreSigned" and
//! "signedIdentity".

use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use serde::Deserialize;
use spec::image::{Descriptor, Manifest};
use webpki::RawPublicKeyEntity;
use webpki::ring;

use super::{Error, Repository};
use crate::{Digest, Reference};

const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ANNOTATION: &str = "dev.cosignproject.cosign/signature";
const TYPE: &str = "cosign container image signature";
/// Of the signed document.
const LARGEST: u64 = 1 << 20;

/// With which keys come signatures; the key says which of them it is for.
const ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 4] = [
    ring::ECDSA_P256_SHA256,
    ring::ECDSA_P384_SHA256,
    ring::ED25519,
    ring::RSA_PKCS1_2048_8192_SHA256,
];

/// A requirement as it is written. What is not in it (certificates of Fulcio, the log of Rekor) is
/// an error that names it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SigstoreSigned {
    #[serde(rename = "type")]
    _kind: String,
    key_path: Option<PathBuf>,
    key_data: Option<String>,
    #[serde(default)]
    key_paths: Vec<PathBuf>,
    #[serde(default)]
    key_datas: Vec<String>,
    #[serde(default)]
    signed_identity: Identity,
}

/// What name a signature must be for.
#[derive(Debug, Default, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
enum Identity {
    /// The name as it is pulled, with its tag.
    MatchExact,
    /// The same, but any tag when it is pulled by digest.
    #[default]
    MatchRepoDigestOrExact,
    /// The repository, with any tag.
    MatchRepository,
    /// This name.
    #[serde(rename_all = "camelCase")]
    ExactReference { docker_reference: String },
    /// This repository.
    #[serde(rename_all = "camelCase")]
    ExactRepository { docker_repository: String },
    /// Another place of the same images.
    #[serde(rename = "remapIdentity", rename_all = "camelCase")]
    Remap {
        prefix: String,
        signed_prefix: String,
    },
}

/// A signature that is wanted.
#[derive(Debug)]
pub(super) struct Signed {
    policy: PathBuf,
    keys: Vec<SubjectPublicKeyInfoDer<'static>>,
    identity: Identity,
}

/// What is signed.
#[derive(Debug, Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Debug, Deserialize)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: SignedImage,
    identity: SignedIdentity,
}

#[derive(Debug, Deserialize)]
struct SignedImage {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

#[derive(Debug, Deserialize)]
struct SignedIdentity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

impl SigstoreSigned {
    /// Reads the keys.
    pub(super) fn resolve(self, policy: &Path) -> Result<Signed, Error> {
        let mut keys = Vec::new();
        for path in self.key_path.iter().chain(&self.key_paths) {
            let text = std::fs::read(path).map_err(Error::file("reading the key", path))?;
            keys.push(key(path, &text)?);
        }
        for data in self.key_data.iter().chain(&self.key_datas) {
            let text = STANDARD.decode(data);
            let text = text.map_err(|_| Error::settings(policy, "keyData is not base64"))?;
            keys.push(key(policy, &text)?);
        }
        if keys.is_empty() {
            return Err(Error::settings(policy, "sigstoreSigned names no key"));
        }
        Ok(Signed {
            policy: policy.to_owned(),
            keys,
            identity: self.signed_identity,
        })
    }
}

fn key(path: &Path, pem: &[u8]) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(pem);
    let problem = |_| Error::settings(path, "there is no public key in PEM form in it");
    let key = key.map_err(problem)?;
    match RawPublicKeyEntity::try_from(&key) {
        Ok(_) => Ok(key),
        Err(_) => Err(Error::settings(path, "the public key in it is damaged")),
    }
}

impl Signed {
    /// Refuses an image of which no signature that is wanted is in the repository: one of its
    /// manifest, or of the index that names it.
    pub(super) fn demand(
        &self,
        repository: &Repository,
        reference: &Reference,
        digests: &[&Digest],
    ) -> Result<(), Error> {
        let mut why = String::new();
        for digest in digests {
            match self.look(repository, reference, digest)? {
                Ok(()) => return Ok(()),
                Err(problem) => why = problem,
            }
        }
        Err(Error::NotSigned {
            name: reference.familiar(),
            file: self.policy.clone(),
            why,
        })
    }

    /// Whether one of a manifest's signatures is good; or why the last one is not.
    fn look(
        &self,
        repository: &Repository,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Result<(), String>, Error> {
        let tag = format!("sha256-{}.sig", digest.hex());
        let manifest = match repository.manifest(&tag) {
            Err(Error::NotFound { .. }) => return Ok(Err(format!("nothing has the tag {tag}"))),
            manifest => manifest?,
        };
        let Ok(manifest) = Manifest::parse(&manifest.bytes) else {
            return Ok(Err(format!("the manifest of {tag} is damaged")));
        };
        let mut why = format!("there is no signature in {tag}");
        let signatures = manifest.layers.iter();
        for layer in signatures.filter(|layer| layer.media_type == MEDIA_TYPE) {
            match self.check(layer, &document(repository, layer)?, reference, digest) {
                Ok(()) => return Ok(Ok(())),
                Err(problem) => why = problem,
            }
        }
        Ok(Err(why))
    }

    fn check(
        &self,
        layer: &Descriptor,
        document: &[u8],
        reference: &Reference,
        digest: &Digest,
    ) -> Result<(), String> {
        let signature = layer.annotations.get(ANNOTATION);
        let signature = signature.and_then(|text| STANDARD.decode(text).ok());
        let signature = signature.ok_or("a signature is not base64")?;
        if !self.keys.iter().any(|key| is_by(key, document, &signature)) {
            return Err("no signature is by a key of the policy".to_owned());
        }
        let payload: Payload =
            serde_json::from_slice(document).map_err(|_| "what is signed is no document")?;
        let Critical {
            kind,
            image,
            identity,
        } = payload.critical;
        if kind != TYPE {
            return Err(format!("what is signed is a {kind:?}"));
        }
        if image.digest != digest.to_string() {
            return Err(format!("the signature is of {}", image.digest));
        }
        match self.identity.accepts(&identity.reference, reference) {
            true => Ok(()),
            false => Err(format!("the signature is for {}", identity.reference)),
        }
    }
}

/// The signed document of a signature.
fn document(repository: &Repository, layer: &Descriptor) -> Result<Vec<u8>, Error> {
    let Ok(digest) = layer.digest.parse::<Digest>() else {
        return Ok(Vec::new());
    };
    let mut bytes = Vec::new();
    repository
        .blob(&digest, layer.size.min(LARGEST), 0)?
        .take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(Error::Signature)?;
    Ok(bytes)
}

fn is_by(key: &SubjectPublicKeyInfoDer<'_>, message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = RawPublicKeyEntity::try_from(key) else {
        return false;
    };
    let mut algorithms = ALGORITHMS.iter();
    algorithms.any(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok())
}

impl Identity {
    /// Whether a signature for a name is one for the image that is pulled.
    fn accepts(&self, signed: &str, pulled: &Reference) -> bool {
        match self {
            Self::MatchExact => is_exactly(signed, pulled),
            Self::MatchRepoDigestOrExact => matches_repository_or_tag(signed, pulled),
            Self::MatchRepository => is_in_repository(signed, pulled),
            Self::ExactReference { docker_reference } => {
                let wanted = docker_reference.parse::<Reference>();
                wanted.is_ok_and(|wanted| is_exactly(signed, &wanted))
            }
            Self::ExactRepository { docker_repository } => {
                let wanted = docker_repository.parse::<Reference>();
                wanted.is_ok_and(|wanted| is_in_repository(signed, &wanted))
            }
            Self::Remap {
                prefix,
                signed_prefix,
            } => match remapped(pulled, prefix, signed_prefix) {
                Some(pulled) => matches_repository_or_tag(signed, &pulled),
                None => false,
            },
        }
    }
}

fn matches_repository_or_tag(signed: &str, pulled: &Reference) -> bool {
    match pulled.digest() {
        Some(_) => is_in_repository(signed, pulled),
        None => is_exactly(signed, pulled),
    }
}

/// The same name with the same tag; a signature for a whole repository is for no tag of it.
fn is_exactly(signed: &str, wanted: &Reference) -> bool {
    let last = signed.rsplit('/').next().unwrap_or_default();
    last.contains([':', '@'])
        && signed
            .parse::<Reference>()
            .is_ok_and(|name| name == *wanted)
}

fn is_in_repository(signed: &str, wanted: &Reference) -> bool {
    let signed = signed.parse::<Reference>();
    signed.is_ok_and(|name| (name.domain(), name.path()) == (wanted.domain(), wanted.path()))
}

/// The name that an image has where it was signed; itself when it is not below the prefix.
fn remapped(pulled: &Reference, prefix: &str, signed_prefix: &str) -> Option<Reference> {
    let name = pulled.to_string();
    match name.strip_prefix(prefix) {
        Some(rest) if rest.starts_with(['/', ':', '@']) => {
            format!("{signed_prefix}{rest}").parse().ok()
        }
        _ => Some(pulled.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(identity: &str, signed: &str, pulled: &str) -> bool {
        let identity: Identity = serde_json::from_str(identity).unwrap();
        identity.accepts(signed, &pulled.parse().unwrap())
    }

    #[test]
    fn a_signature_is_for_a_name() {
        let exact = r#"{"type": "matchExact"}"#;
        assert!(accepts(exact, "docker.io/library/x:1", "x:1"));
        assert!(!accepts(exact, "x:2", "x:1"));
        assert!(!accepts(exact, "x", "x:latest"), "of no tag at all");
        let digest = format!("h.example/x@{}", Digest::of(b""));
        let either = r#"{"type": "matchRepoDigestOrExact"}"#;
        assert!(accepts(either, "h.example/x:1", &digest));
        assert!(!accepts(either, "h.example/y:1", &digest));
        assert!(!accepts(either, "h.example/x:1", "h.example/x:2"));
        let repository = r#"{"type": "matchRepository"}"#;
        assert!(accepts(repository, "h.example/x", "h.example/x:2"));
        let named = r#"{"type": "exactReference", "dockerReference": "a.example/x:1"}"#;
        assert!(accepts(named, "a.example/x:1", "b.example/y:2"));
        let named = r#"{"type": "exactRepository", "dockerRepository": "a.example/x"}"#;
        assert!(accepts(named, "a.example/x:7", "b.example/y:2"));
        let remap = r#"{"type": "remapIdentity", "prefix": "mirror.example/up",
            "signedPrefix": "up.example"}"#;
        assert!(accepts(remap, "up.example/x:1", "mirror.example/up/x:1"));
        assert!(!accepts(
            remap,
            "up.example/x:1",
            "mirror.example/upper/x:1"
        ));
        assert!(accepts(remap, "h.example/x:1", "h.example/x:1"));
    }
}
