//! `policy.json`, as Podman and CRI-O read it: from where images are accepted, and who must have
//! signed them. Whether they are is checked in `signature.rs`.
//!
//! Source: containers-policy.json(5).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::Error;
use super::signature::{Signed, SigstoreSigned};

#[derive(Debug, Deserialize)]
struct Policy {
    default: Vec<Value>,
    #[serde(default)]
    transports: BTreeMap<String, BTreeMap<String, Vec<Value>>>,
}

/// Refuses a repository (with its domain) that a policy does not accept, and gives back what
/// signatures it wants. A file that is not there accepts everything.
pub(super) fn check(path: &Path, name: &str) -> Result<Vec<Signed>, Error> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes.map_err(Error::file("reading", path))?,
    };
    let policy: Policy =
        serde_json::from_slice(&bytes).map_err(|error| Error::settings(path, error))?;
    let scopes = policy.transports.get("docker");
    let matching = scopes
        .into_iter()
        .flatten()
        .filter(|(scope, _)| covers(scope, name));
    let best = matching.max_by_key(|(scope, _)| scope.len());
    let requirements = best.map_or(&policy.default, |(_, requirements)| requirements);
    if requirements.is_empty() {
        return Err(Error::settings(
            path,
            format!("there are no requirements for {name}"),
        ));
    }
    let mut signatures = Vec::new();
    for requirement in requirements {
        signatures.extend(signed(path, name, requirement)?);
    }
    Ok(signatures)
}

/// What signature a requirement wants; all of a list must be met.
fn signed(path: &Path, name: &str, requirement: &Value) -> Result<Option<Signed>, Error> {
    let kind = requirement.get("type").and_then(Value::as_str);
    match kind.unwrap_or_default() {
        "insecureAcceptAnything" => Ok(None),
        "reject" => Err(Error::Blocked {
            name: name.to_owned(),
            file: path.to_owned(),
        }),
        "sigstoreSigned" => {
            let wanted = SigstoreSigned::deserialize(requirement)
                .map_err(|error| Error::settings(path, format!("sigstoreSigned: {error}")))?;
            wanted.resolve(path).map(Some)
        }
        "signedBy" => Err(Error::settings(
            path,
            format!(
                "{name} needs a GPG signature (signedBy), which is not verified here: pull it with \
                 a program that does, and load it"
            ),
        )),
        other => Err(Error::settings(
            path,
            format!("the requirement {other:?} is not known"),
        )),
    }
}

/// A scope is the default (empty), a host, a prefix of repositories, or `*.domain`.
fn covers(scope: &str, name: &str) -> bool {
    if let Some(domain) = scope.strip_prefix('*') {
        let host = name.split(['/', ':']).next().unwrap_or_default();
        return host.ends_with(domain);
    }
    match name.strip_prefix(scope) {
        Some(rest) => scope.is_empty() || rest.is_empty() || rest.starts_with(['/', ':', '@']),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_scope_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.json");
        let text = r#"{"default": [{"type": "reject"}], "transports": {"docker": {
            "good.example": [{"type": "insecureAcceptAnything"}],
            "good.example/bad": [{"type": "reject"}],
            "*.signed.example": [{"type": "signedBy", "keyType": "GPGKeys"}],
            "rekor.example": [{"type": "sigstoreSigned", "rekorPublicKeyPath": "/x"}],
            "odd.example": [{"type": "trustMe"}],
            "none.example": []
        }}}"#;
        std::fs::write(&path, text).unwrap();
        let refusal = |name: &str| check(&path, name).err().map(|error| error.to_string());
        assert_eq!(refusal("good.example/x"), None);
        for (name, words) in [
            ("good.example/bad/x", "is blocked by"),
            ("docker.io/library/x", "is blocked by"),
            ("a.signed.example/x", "needs a GPG signature"),
            ("rekor.example/x", "unknown field `rekorPublicKeyPath`"),
            ("odd.example/x", "\"trustMe\" is not known"),
            ("none.example/x", "no requirements"),
        ] {
            let said = refusal(name).unwrap();
            assert!(said.contains(words), "{name}: {said}");
        }
        assert!(check(&directory.path().join("none"), "x").is_ok());
    }
}
