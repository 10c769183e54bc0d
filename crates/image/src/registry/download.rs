//! Content from anywhere: the answer to one request, with the caller's proxies and certificates.

use std::io::Read;

use ureq::http::{Method, StatusCode, Uri};

use super::client::{Body, Call, Client};
use super::endpoint::Endpoint;
use super::{Error, Settings};

impl Settings {
    /// What an `http:` or `https:` URL leads to.
    ///
    /// # Errors
    /// Another URL; no answer, or one that is not what was asked for.
    pub fn download(&self, url: &str) -> Result<Box<dyn Read + Send>, Error> {
        let what = format!("getting {url}");
        let uri: Option<Uri> = url.parse().ok();
        let parts = uri
            .as_ref()
            .and_then(|uri| uri.scheme_str().zip(uri.authority()));
        let place = match parts {
            Some((scheme @ ("http" | "https"), authority)) => Endpoint {
                host: authority.to_string(),
                base: format!("{scheme}://{authority}"),
                insecure: self.insecure,
                ..Endpoint::default()
            },
            _ => {
                return Err(Error::Url {
                    url: url.to_owned(),
                });
            }
        };
        let call = Call {
            what: &what,
            method: Method::GET,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Body::None,
            scope: String::new(),
        };
        let answer = Client::new(self, place).demand(&call, &[StatusCode::OK])?;
        Ok(Box::new(answer.body.into_reader()))
    }
}
