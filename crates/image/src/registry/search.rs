//! `search`: what a registry offers by a word. Only registries with Docker's old search answer.
//!
//! Source: Docker Registry HTTP API v1, "Search".

use serde::Deserialize;
use ureq::http::Method;

use super::client::{Body, Call, Client};
use super::endpoint::Endpoint;
use super::{Access, Error, Settings, endpoint, url};

const LONGEST_ANSWER: u64 = 8 << 20;
/// The default registry's place for searching.
const DOCKER_HUB: &str = "https://index.docker.io";

/// A repository that was found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SearchResult {
    /// Its name.
    pub name: String,
    /// What its owner says about it.
    #[serde(default)]
    pub description: String,
    /// How many people like it.
    #[serde(default)]
    pub star_count: u64,
    /// Whether the registry's owner vouches for it.
    #[serde(default)]
    pub is_official: bool,
}

#[derive(Deserialize)]
struct Page {
    results: Vec<SearchResult>,
}

impl Settings {
    /// Searches a registry.
    ///
    /// # Errors
    /// A registry without search says 404.
    pub fn search(
        &self,
        registry: &str,
        word: &str,
        limit: u32,
    ) -> Result<Vec<SearchResult>, Error> {
        let what = format!("searching for {word:?}");
        let mut place = endpoint::endpoints(self, registry, "", Access::Push, false)?
            .pop()
            .unwrap_or_default();
        let root = |base: &str| base.trim_end_matches("/v2").to_owned();
        place = Endpoint {
            base: match registry {
                "docker.io" => DOCKER_HUB.to_owned(),
                _ => root(&place.base),
            },
            plain: place.plain.as_deref().map(root),
            ..place
        };
        let client = Client::new(self, place);
        let mut path = "/v1/search".to_owned();
        url::add_query(&mut path, "q", word);
        url::add_query(&mut path, "n", &limit.to_string());
        let call = Call {
            what: &what,
            method: Method::GET,
            url: path,
            headers: Vec::new(),
            body: Body::None,
            scope: String::new(),
        };
        let (_, text) = client.document(&call, LONGEST_ANSWER)?;
        let page: Page = serde_json::from_slice(&text)
            .map_err(|error| client.protocol(&what, format!("is no list of results: {error}")))?;
        Ok(page.results)
    }
}
