//! The tags of a repository.
//!
//! Source: distribution-spec 1.1, "Listing Tags".

use serde::Deserialize;
use ureq::http::Method;

use super::client::{Body, Call, MOST_PAGES};
use super::{Error, Repository};

/// Of one page.
const LONGEST_ANSWER: u64 = 8 << 20;

#[derive(Deserialize)]
struct Page {
    tags: Option<Vec<String>>,
}

impl Repository {
    /// All tags that the registry has of it, sorted.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub fn tags(&self) -> Result<Vec<String>, Error> {
        let client = self.client()?;
        let repository = &client.endpoint.repository;
        let what = format!("listing the tags of {}", self.name);
        let mut next = format!("/{repository}/tags/list");
        let mut found = Vec::new();
        for page in 0.. {
            if page == MOST_PAGES {
                return Err(client.protocol(&what, "has no end"));
            }
            let call = Call {
                what: &what,
                method: Method::GET,
                url: next,
                headers: Vec::new(),
                body: Body::None,
                scope: format!("repository:{repository}:pull"),
            };
            let (answer, text) = client.document(&call, LONGEST_ANSWER)?;
            let further = answer.next_page();
            let page: Page = serde_json::from_slice(&text)
                .map_err(|error| client.protocol(&what, format!("is no list of tags: {error}")))?;
            found.extend(page.tags.unwrap_or_default());
            match further {
                Some(further) => next = further,
                None => break,
            }
        }
        // Registries need not sort them.
        found.sort();
        Ok(found)
    }
}
