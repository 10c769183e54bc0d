//! Saying who we are: passwords, and tokens that are fetched once for each scope.
//!
//! Source: distribution, "Token Authentication" and "OAuth2 Token Authentication".

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::http;

use super::challenge::Challenge;
use super::client::{Body, Client};
use super::error::Transport;
use super::{Credentials, Error, credentials, url};

/// As the documentation of tokens says.
const DEFAULT_LIFETIME: u64 = 60;
/// A token is not used in the last moments of its life.
const MARGIN: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: u64 = 1 << 20;
const CLIENT: &str = "wharf";

/// What is sent as `Authorization`, by the scope it is for.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The registry wants a password with each request.
    basic: Option<String>,
    bearer: HashMap<String, (String, Instant)>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tokens", self.bearer.len())
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    expires_in: Option<u64>,
}

impl Tokens {
    /// The header for requests of a scope, as far as it is known.
    pub(super) fn header(&self, scope: &str) -> Option<String> {
        let known = self.known();
        let bearer = known.bearer.get(scope);
        let fresh = bearer.filter(|(_, until)| Instant::now() < *until);
        fresh
            .map(|(token, _)| format!("Bearer {token}"))
            .or_else(|| known.basic.clone())
    }

    /// Does what a challenge asks; false when nothing is known that could. `sent` is what was not
    /// good enough.
    pub(super) fn answer(
        &self,
        client: &Client,
        challenge: &Challenge,
        scope: &str,
        sent: Option<&str>,
    ) -> Result<bool, Error> {
        let repository = &client.endpoint.repository;
        let ours = credentials::find(client.settings(), client.host(), repository)?;
        match challenge {
            Challenge::Basic => {
                let header = ours.as_ref().and_then(Credentials::basic);
                let is_new = header.is_some() && header.as_deref() != sent;
                self.known().basic = header;
                Ok(is_new)
            }
            Challenge::Bearer {
                realm,
                service,
                scope: wanted,
            } => {
                let asked = wanted.as_deref().unwrap_or(scope);
                let service = service.as_deref().unwrap_or_default();
                let answer = fetch(client, realm, service, asked, ours.as_ref())?;
                let lifetime = answer
                    .expires_in
                    .unwrap_or(DEFAULT_LIFETIME)
                    .max(DEFAULT_LIFETIME);
                let until = Instant::now() + Duration::from_secs(lifetime) - MARGIN;
                let token = match answer.token.is_empty() {
                    true => answer.access_token,
                    false => answer.token,
                };
                self.known().bearer.insert(scope.to_owned(), (token, until));
                Ok(true)
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fetches a token; without credentials one for what everybody may do.
fn fetch(
    client: &Client,
    realm: &str,
    service: &str,
    scope: &str,
    ours: Option<&Credentials>,
) -> Result<TokenAnswer, Error> {
    let what = format!("getting a token for {scope}");
    let mut url = realm.to_owned();
    let mut form = String::new();
    let request = http::Request::builder();
    let (request, body) = match ours {
        Some(Credentials::IdentityToken(token)) => {
            for (name, value) in [
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT),
                ("service", service),
                ("scope", scope),
                ("refresh_token", token),
            ] {
                form.push_str(if form.is_empty() { "" } else { "&" });
                form.push_str(name);
                form.push('=');
                url::quote(&mut form, value);
            }
            let content = "application/x-www-form-urlencoded";
            let request = request.method("POST").header("content-type", content);
            (request, Body::Bytes(form.as_bytes()))
        }
        other => {
            url::add_query(&mut url, "service", service);
            // Several scopes are separated by spaces.
            for one in scope.split(' ').filter(|one| !one.is_empty()) {
                url::add_query(&mut url, "scope", one);
            }
            let basic = other.and_then(Credentials::basic);
            let request = match basic {
                Some(basic) => request.header(http::header::AUTHORIZATION, basic),
                None => request,
            };
            (request.method("GET"), Body::None)
        }
    };
    let mut answer = client.run(&what, request.uri(&url), body, &url)?;
    if answer.status != http::StatusCode::OK {
        return Err(client.refused(&what, answer));
    }
    let mut text = Vec::new();
    let read = answer
        .body
        .as_reader()
        .take(LONGEST_ANSWER)
        .read_to_end(&mut text);
    read.map_err(|source| Error::Unreachable {
        what: what.clone(),
        host: client.host().to_owned(),
        source: Transport::of_body(source),
    })?;
    let answer: TokenAnswer = serde_json::from_slice(&text)
        .map_err(|error| client.protocol(&what, format!("is no token: {error}")))?;
    match answer.token.is_empty() && answer.access_token.is_empty() {
        true => Err(client.protocol(&what, "holds no token")),
        false => Ok(answer),
    }
}
