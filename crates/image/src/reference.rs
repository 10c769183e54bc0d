//! Names of images: Docker's grammar, the normal form that is stored, and the familiar form that
//! people read.
//!
//! `tiny` is `docker.io/library/tiny:latest`; `quay.io/a/b@sha256:…` stays what it is.
//! Source: distribution/reference, `reference.go` (grammar) and `normalize.go`.

use std::fmt;
use std::str::FromStr;

use crate::{Digest, Error};

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const DEFAULT_TAG: &str = "latest";
/// Of the repository with its domain, in bytes.
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

/// A parsed and normalised name of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is no repository in it.
    #[error("the repository is empty")]
    Empty,
    /// Upper case is for host names and tags only.
    #[error("the repository must be lower case")]
    UpperCase,
    /// A part of the repository has other characters or misplaced separators.
    #[error("the repository has a part that is not letters and digits joined by . _ __ or -")]
    Repository,
    /// The registry's host or port.
    #[error("the registry is not a host name with an optional port")]
    Registry,
    /// The part after the colon.
    #[error("the tag is not up to 128 letters, digits, _ . and -, beginning with none of . and -")]
    Tag,
    /// The part after the at sign.
    #[error("the digest is not sha256: and 64 lower-case hexadecimal digits")]
    Digest,
    /// More than 255 bytes.
    #[error("the repository is longer than 255 characters")]
    TooLong,
    /// 64 hexadecimal digits mean the id of an image.
    #[error("64 hexadecimal digits are an id, not a name")]
    Id,
}

impl Reference {
    /// The repository as people write it, without `docker.io/` and `library/`.
    pub fn familiar_repository(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return format!("{}/{}", self.domain, self.path);
        }
        match self.path.strip_prefix(OFFICIAL) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The name as people write it, with its tag: `tiny:latest`.
    pub fn familiar(&self) -> String {
        self.with_suffix(self.familiar_repository())
    }

    /// The registry, as `docker.io` or `localhost:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within its registry, as `library/tiny`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if it has one; a name with a digest need not.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The name without its tag, if it has a digest, which says all.
    pub fn exact(mut self) -> Self {
        if self.digest.is_some() {
            self.tag = None;
        }
        self
    }

    /// The same name with another tag.
    pub fn with_tag(&self, tag: &str) -> Self {
        Self {
            tag: Some(tag.to_owned()),
            digest: None,
            ..self.clone()
        }
    }

    /// The digest of the manifest that is meant, if it is said.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    fn with_suffix(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            name.push('@');
            name.push_str(&digest.to_string());
        }
        name
    }
}

/// The normal form: `docker.io/library/tiny:latest`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_suffix(format!("{}/{}", self.domain, self.path)))
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|source| Error::Reference {
            text: text.to_owned(),
            source,
        })
    }
}

fn parse(text: &str) -> Result<Reference, Malformed> {
    if Digest::from_hex(text).is_some() {
        return Err(Malformed::Id);
    }
    let (text, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest.parse().map_err(|_| Malformed::Digest)?)),
        None => (text, None),
    };
    let (domain, rest) = split_domain(text);
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    check_path(path)?;
    check_domain(domain)?;
    if !tag.is_none_or(is_tag) {
        return Err(Malformed::Tag);
    }
    let path = match domain == DEFAULT_DOMAIN && !path.contains('/') {
        true => format!("{OFFICIAL}{path}"),
        false => path.to_owned(),
    };
    if domain.len() + 1 + path.len() > LONGEST_NAME {
        return Err(Malformed::TooLong);
    }
    let default = digest.is_none().then_some(DEFAULT_TAG);
    Ok(Reference {
        domain: domain.to_owned(),
        path,
        tag: tag.or(default).map(str::to_owned),
        digest,
    })
}

/// Docker's rule: the first part is a registry if it looks like one: a dot, a port, `localhost`,
/// or a letter that no repository may have.
fn split_domain(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            let domain = if first == LEGACY_DOMAIN {
                DEFAULT_DOMAIN
            } else {
                first
            };
            (domain, rest)
        }
        _ => (DEFAULT_DOMAIN, text),
    }
}

fn check_path(path: &str) -> Result<(), Malformed> {
    if path.is_empty() {
        return Err(Malformed::Empty);
    }
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(Malformed::UpperCase);
    }
    match path.split('/').all(is_path_component) {
        true => Ok(()),
        false => Err(Malformed::Repository),
    }
}

/// Runs of `a-z0-9`, joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(part: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    if !bytes.first().is_some_and(|&b| word(b)) || !bytes.last().is_some_and(|&b| word(b)) {
        return false;
    }
    part.split(|c: char| c.is_ascii() && u8::try_from(c).is_ok_and(word))
        .all(|gap| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|b| b == b'-'))
}

fn check_domain(domain: &str) -> Result<(), Malformed> {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, rest)) => (address, rest.strip_prefix(':').or(Some(""))),
            None => return Err(Malformed::Registry),
        },
        None => match domain.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (domain, None),
        },
    };
    let host_is_valid = if domain.starts_with('[') {
        host.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        host.split('.').all(is_host_component)
    };
    let port_is_valid =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    match host_is_valid && port_is_valid {
        true => Ok(()),
        false => Err(Malformed::Registry),
    }
}

fn is_host_component(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !part.starts_with('-')
        && !part.ends_with('-')
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= LONGEST_TAG
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn names_are_normalised_as_docker_does() {
        for (text, normal, familiar) in [
            ("tiny", "docker.io/library/tiny:latest", "tiny:latest"),
            ("tiny:1.0", "docker.io/library/tiny:1.0", "tiny:1.0"),
            ("a/b", "docker.io/a/b:latest", "a/b:latest"),
            ("library/x", "docker.io/library/x:latest", "x:latest"),
            (
                "index.docker.io/x",
                "docker.io/library/x:latest",
                "x:latest",
            ),
            ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
            ("h:5000/a/b:T", "h:5000/a/b:T", "h:5000/a/b:T"),
            ("quay.io/x", "quay.io/x:latest", "quay.io/x:latest"),
            ("[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"),
            ("UP/x", "UP/x:latest", "UP/x:latest"),
            (
                "a--b__c.d_e",
                "docker.io/library/a--b__c.d_e:latest",
                "a--b__c.d_e:latest",
            ),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), normal);
            assert_eq!(reference.familiar(), familiar);
            assert_eq!(normal.parse::<Reference>().unwrap(), reference);
        }
    }

    #[test]
    fn a_name_with_a_digest_needs_no_tag() {
        let reference: Reference = format!("x@sha256:{HEX}").parse().unwrap();
        assert_eq!(reference.tag(), None);
        assert_eq!(reference.digest().unwrap().hex(), HEX);
        let both: Reference = format!("x:1@sha256:{HEX}").parse().unwrap();
        assert_eq!(both.familiar(), format!("x:1@sha256:{HEX}"));
    }

    #[test]
    fn malformed_names_are_told_apart() {
        for (text, expected) in [
            ("", Malformed::Empty),
            (":tag", Malformed::Empty),
            ("Tiny", Malformed::UpperCase),
            ("a//b", Malformed::Repository),
            ("a..b", Malformed::Repository),
            ("a___b", Malformed::Repository),
            ("-a", Malformed::Repository),
            ("a b", Malformed::Repository),
            ("ä", Malformed::Repository),
            ("../x", Malformed::Registry),
            ("a-.b/x", Malformed::Registry),
            ("h:x/y", Malformed::Registry),
            ("h:/y", Malformed::Registry),
            ("[::1/y", Malformed::Registry),
            ("a:", Malformed::Tag),
            ("a:.b", Malformed::Tag),
            ("a:b:c", Malformed::Tag),
            ("a@sha256:00", Malformed::Digest),
            (HEX, Malformed::Id),
            (&"a".repeat(256), Malformed::TooLong),
            (&format!("a:{}", "t".repeat(129)), Malformed::Tag),
        ] {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
    }
}
