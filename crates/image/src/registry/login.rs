//! `login` and `logout`: credentials, tried and then kept where Docker keeps them.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use store::Durability;
use ureq::http::{Method, StatusCode};

use super::client::{Body, Call, Client};
use super::credentials::{self, AuthFile, Entry};
use super::endpoint::endpoints;
use super::{Access, Credentials, Error, Settings};

impl Settings {
    /// Tries credentials at a registry and keeps them.
    ///
    /// # Errors
    /// When the registry does not take them, or they cannot be kept.
    pub fn login(&self, registry: &str, given: Credentials) -> Result<(), Error> {
        let trial = Self {
            credentials: Some(given.clone()),
            ..self.clone()
        };
        try_out(&trial, registry)?;
        let mut file = AuthFile::read(&self.login_file)?;
        if let Some(helper) = file.helper(registry) {
            return credentials::helper_store(helper, credentials::server(registry), &given);
        }
        let key = credentials::server(registry).to_owned();
        file.auths.insert(key, Entry::new(&given));
        write(&self.login_file, &file)
    }

    /// Forgets the credentials of a registry; false when there were none.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn logout(&self, registry: &str) -> Result<bool, Error> {
        let mut file = AuthFile::read(&self.login_file)?;
        let server = credentials::server(registry);
        let is_known = file.auths.remove(server).is_some();
        if let Some(helper) = file.helper(registry) {
            credentials::helper_erase(helper, server)?;
        }
        if is_known {
            write(&self.login_file, &file)?;
        }
        Ok(is_known)
    }

    /// The name that is used at a registry, if one is known.
    ///
    /// # Errors
    /// A malformed file; a helper that fails.
    pub fn known_user(&self, registry: &str) -> Result<Option<String>, Error> {
        Ok(match credentials::find(self, registry, "")? {
            Some(Credentials::Password { user, .. }) => Some(user),
            _ => None,
        })
    }
}

/// Asks the registry for nothing, with credentials.
fn try_out(settings: &Settings, registry: &str) -> Result<(), Error> {
    let what = format!("logging in to {registry}");
    for place in endpoints(settings, registry, "", Access::Push, false)? {
        let client = Client::new(settings, place);
        let call = Call {
            what: &what,
            method: Method::GET,
            url: "/".to_owned(),
            headers: Vec::new(),
            body: Body::None,
            scope: String::new(),
        };
        client.demand(&call, &[StatusCode::OK])?;
    }
    Ok(())
}

fn write(path: &Path, file: &AuthFile) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(file).map_err(|error| Error::settings(path, error))?;
    if let Some(directory) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(Error::file("making", directory))?;
    }
    // A link to the file elsewhere stays one.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    store::atomic_write(&path, &text, Durability::Durable).map_err(|error| {
        let source = error.errno().map_or_else(
            || std::io::Error::other("not written"),
            std::io::Error::from,
        );
        Error::file("writing", &path)(source)
    })
}
