//! Who we are to a registry: what `config.json`, `auth.json` and credential helpers say.
//!
//! Source: docker/cli, `cli/config`; docker-credential-helpers, "protocol";
//! containers-auth.json(5).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::{Error, Settings};

/// The default registry's name in files of credentials.
pub(super) const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// A way to say who we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Name and password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that stands for both, for the server that gives out tokens.
    IdentityToken(String),
}

/// Without what is secret.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Password { user, .. } => write!(f, "Password({user})"),
            Self::IdentityToken(_) => write!(f, "IdentityToken"),
        }
    }
}

impl Credentials {
    /// The value of the header `Authorization`, for a name and a password.
    pub(super) fn basic(&self) -> Option<String> {
        match self {
            Self::Password { user, password } => {
                let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
                Some(format!("Basic {encoded}"))
            }
            Self::IdentityToken(_) => None,
        }
    }
}

/// The part of a file that is about credentials; the rest is kept when it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct AuthFile {
    #[serde(default)]
    pub(super) auths: BTreeMap<String, Entry>,
    #[serde(rename = "credsStore", skip_serializing_if = "Option::is_none")]
    pub(super) store: Option<String>,
    #[serde(
        default,
        rename = "credHelpers",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(super) helpers: BTreeMap<String, String>,
    #[serde(flatten)]
    other: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth: Option<String>,
    #[serde(rename = "identitytoken", skip_serializing_if = "Option::is_none")]
    pub(super) identity_token: Option<String>,
    #[serde(flatten)]
    other: BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    #[serde(rename = "ServerURL", default)]
    server_url: String,
    #[serde(default)]
    username: String,
    secret: String,
}

impl AuthFile {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        match std::fs::read(path) {
            Ok(bytes) if bytes.trim_ascii().is_empty() => Ok(Self::default()),
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| Error::settings(path, error))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::file("reading", path)(error)),
        }
    }

    fn of(&self, host: &str, repository: &str) -> Result<Option<Credentials>, Error> {
        if let Some(helper) = self.helper(host) {
            return helper_get(helper, server(host));
        }
        // The longest matching path counts (containers-auth.json(5)).
        let full = format!("{host}/{repository}");
        let matching = self.auths.iter().filter(|(key, _)| {
            let key = plain(key);
            full == key
                || full
                    .strip_prefix(key)
                    .is_some_and(|rest| rest.starts_with('/'))
        });
        let best = matching.max_by_key(|(key, _)| plain(key).len());
        Ok(best.and_then(|(_, entry)| entry.credentials()))
    }

    /// The helper that keeps a registry's credentials.
    pub(super) fn helper(&self, host: &str) -> Option<&str> {
        let own = self.helpers.get(host).or(self.helpers.get(server(host)));
        own.or(self.store.as_ref()).map(String::as_str)
    }
}

impl Entry {
    pub(super) fn new(credentials: &Credentials) -> Self {
        let mut entry = Self::default();
        match credentials {
            Credentials::Password { user, password } => {
                entry.auth = Some(BASE64_STANDARD.encode(format!("{user}:{password}")));
            }
            Credentials::IdentityToken(token) => entry.identity_token = Some(token.clone()),
        }
        entry
    }

    fn credentials(&self) -> Option<Credentials> {
        if let Some(token) = self.identity_token.as_ref().filter(|t| !t.is_empty()) {
            return Some(Credentials::IdentityToken(token.clone()));
        }
        let decoded = BASE64_STANDARD.decode(self.auth.as_ref()?.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        (!user.is_empty()).then(|| Credentials::Password {
            user: user.to_owned(),
            // Docker pads with null bytes.
            password: password.trim_end_matches('\0').to_owned(),
        })
    }
}

/// What is known about us for a repository of a registry (as it is named in references).
///
/// # Errors
/// A malformed file; a helper that fails.
pub(super) fn find(
    settings: &Settings,
    host: &str,
    repository: &str,
) -> Result<Option<Credentials>, Error> {
    if let Some(given) = &settings.credentials {
        return Ok(Some(given.clone()));
    }
    for path in &settings.auth_files {
        let found = AuthFile::read(path)?.of(host, repository)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// A registry's name in files of credentials.
pub(super) fn server(host: &str) -> &str {
    match host {
        "docker.io" => DOCKER_HUB,
        other => other,
    }
}

/// The key of a file as a registry with a path: old files have URLs.
fn plain(key: &str) -> &str {
    if key == DOCKER_HUB {
        return "docker.io";
    }
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    key.trim_end_matches('/')
        .trim_end_matches("/v1")
        .trim_end_matches("/v2")
}

fn helper_get(helper: &str, server: &str) -> Result<Option<Credentials>, Error> {
    let answer = match helper_run(helper, "get", server) {
        Err(Error::Helper { message, .. }) if message.contains("not found") => return Ok(None),
        answer => answer?,
    };
    let answer: HelperAnswer = serde_json::from_slice(&answer).map_err(|error| Error::Helper {
        program: program(helper),
        message: error.to_string(),
    })?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Credentials::IdentityToken(answer.secret),
        _ => Credentials::Password {
            user: answer.username,
            password: answer.secret,
        },
    }))
}

pub(super) fn helper_store(
    helper: &str,
    server: &str,
    credentials: &Credentials,
) -> Result<(), Error> {
    let (username, secret) = match credentials {
        Credentials::Password { user, password } => (user.clone(), password.clone()),
        Credentials::IdentityToken(token) => ("<token>".to_owned(), token.clone()),
    };
    let said = HelperAnswer {
        server_url: server.to_owned(),
        username,
        secret,
    };
    let said = serde_json::to_string(&said).map_err(|error| Error::Helper {
        program: program(helper),
        message: error.to_string(),
    })?;
    helper_run(helper, "store", &said).map(drop)
}

pub(super) fn helper_erase(helper: &str, server: &str) -> Result<(), Error> {
    helper_run(helper, "erase", server).map(drop)
}

fn program(helper: &str) -> String {
    format!("docker-credential-{helper}")
}

/// Runs a helper with something on its standard input; gives back its standard output.
fn helper_run(helper: &str, verb: &str, input: &str) -> Result<Vec<u8>, Error> {
    let failed = |message: String| Error::Helper {
        program: program(helper),
        message,
    };
    let mut child = Command::new(program(helper))
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read says itself what is wrong.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    // Helpers tell errors on standard output.
    let words = [output.stdout, output.stderr].concat();
    Err(failed(String::from_utf8_lossy(&words).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, Settings) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        let settings = Settings {
            auth_files: vec![directory.path().join("missing"), path],
            ..Default::default()
        };
        (directory, settings)
    }

    #[test]
    fn the_most_specific_entry_counts() {
        let (_directory, settings) = file(
            r#"{"auths": {
                "https://index.docker.io/v1/": {"auth": "aHViOnB3"},
                "h.example:5000": {"auth": "YTpw"},
                "h.example:5000/team": {"auth": "dDpw"},
                "https://old.example/v1/": {"identitytoken": "T"}
            }}"#,
        );
        let user = |host, repository| match find(&settings, host, repository).unwrap() {
            Some(Credentials::Password { user, .. }) => user,
            other => format!("{other:?}"),
        };
        assert_eq!(user("docker.io", "library/x"), "hub");
        assert_eq!(user("h.example:5000", "x"), "a");
        assert_eq!(user("h.example:5000", "team/x"), "t");
        assert_eq!(user("h.example:5000", "teams/x"), "a");
        assert_eq!(user("old.example", "x"), "Some(IdentityToken)");
        assert_eq!(user("other.example", "x"), "None");
    }

    #[test]
    fn a_helper_that_is_not_there_is_named() {
        let (_directory, settings) = file(r#"{"credsStore": "wharf-test-none"}"#);
        let error = find(&settings, "h", "x").unwrap_err().to_string();
        assert!(
            error.contains("docker-credential-wharf-test-none"),
            "{error}"
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials::Password {
            user: "u".into(),
            password: "hidden".into(),
        };
        assert_eq!(format!("{credentials:?}"), "Password(u)");
    }
}
