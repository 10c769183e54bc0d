//! `policy.json`, as Podman and CRI-O read it: from where images are accepted. What wants a
//! signature is refused, because signatures are not verified here.
//!
//! Source: containers-policy.json(5).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Error;

#[derive(Debug, Deserialize)]
struct Policy {
    default: Vec<Requirement>,
    #[serde(default)]
    transports: BTreeMap<String, BTreeMap<String, Vec<Requirement>>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Requirement {
    #[serde(rename = "type")]
    kind: String,
}

/// Refuses a repository (with its domain) that a policy does not accept. A file that is not there
/// accepts everything.
pub(super) fn check(path: &Path, name: &str) -> Result<(), Error> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
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
    for requirement in requirements {
        match requirement.kind.as_str() {
            "insecureAcceptAnything" => {}
            "reject" => {
                return Err(Error::Blocked {
                    name: name.to_owned(),
                    file: path.to_owned(),
                });
            }
            other => {
                let problem = format!(
                    "{name} needs a signature ({other}), which is not verified here: pull it with \
                     a program that does, and load it"
                );
                return Err(Error::settings(path, problem));
            }
        }
    }
    Ok(())
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
            "*.signed.example": [{"type": "signedBy", "keyType": "GPGKeys"}]
        }}}"#;
        std::fs::write(&path, text).unwrap();
        let refusal = |name: &str| check(&path, name).err().map(|error| error.to_string());
        assert_eq!(refusal("good.example/x"), None);
        assert!(
            refusal("good.example/bad/x")
                .unwrap()
                .contains("is blocked by")
        );
        assert!(
            refusal("docker.io/library/x")
                .unwrap()
                .contains("is blocked by")
        );
        assert!(
            refusal("a.signed.example/x")
                .unwrap()
                .contains("needs a signature")
        );
        assert!(check(&directory.path().join("none"), "x").is_ok());
    }
}
