//! A repository: the registries that have it, asked one after the other.

use std::io::Read;

use super::client::Client;
use super::endpoint::endpoints;
use super::signature::Signed;
use super::{Error, RawManifest, Settings, blob, manifest, policy};
use crate::{Digest, Reference};

/// What a repository is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To get images.
    Pull,
    /// To send images.
    Push,
}

/// A repository of a registry, and its mirrors.
#[derive(Debug)]
pub struct Repository {
    clients: Vec<Client>,
    /// As in messages.
    pub(super) name: String,
    /// What an image must be signed by.
    signatures: Vec<Signed>,
}

impl Repository {
    /// The repository of a reference. Nobody is asked anything yet.
    ///
    /// # Errors
    /// A blocked registry; a malformed file of settings.
    pub fn open(settings: &Settings, reference: &Reference, access: Access) -> Result<Self, Error> {
        let by_digest = reference.digest().is_some();
        let (domain, path) = (reference.domain(), reference.path());
        let policy = settings.policies.iter().find(|path| path.exists());
        let signatures = match (access, policy) {
            (Access::Pull, Some(policy)) => policy::check(policy, &format!("{domain}/{path}"))?,
            _ => Vec::new(),
        };
        let places = endpoints(settings, domain, path, access, by_digest)?;
        let clients = places.into_iter().map(|place| Client::new(settings, place));
        Ok(Self {
            clients: clients.collect(),
            name: reference.familiar_repository(),
            signatures,
        })
    }

    /// Asks for what a tag or a digest means.
    ///
    /// # Errors
    /// The last registry's, which is the one that the name is of.
    pub fn manifest(&self, reference: &str) -> Result<RawManifest, Error> {
        let by_tag = reference.parse::<Digest>().is_err();
        let asked = |client: &&Client| client.endpoint.resolves || !by_tag;
        self.first(asked, |client| manifest::get(client, reference))
    }

    /// Refuses an image without the signatures that the policy wants, of one of these digests.
    ///
    /// # Errors
    /// [`Error::NotSigned`]; whatever keeps the signatures from being read.
    pub fn demand_signatures(
        &self,
        reference: &Reference,
        digests: &[&Digest],
    ) -> Result<(), Error> {
        let mut wanted = self.signatures.iter();
        wanted.try_for_each(|signed| signed.demand(self, reference, digests))
    }

    /// Opens a blob at `offset`.
    ///
    /// # Errors
    /// As [`Repository::manifest`].
    pub fn blob(
        &self,
        digest: &Digest,
        size: u64,
        offset: u64,
    ) -> Result<Box<dyn Read + Send + '_>, Error> {
        self.first(
            |_| true,
            |client| {
                let blob = blob::open(client, digest, size, offset)?;
                Ok(Box::new(blob) as Box<dyn Read + Send>)
            },
        )
    }

    /// The registry itself, without mirrors.
    pub(super) fn client(&self) -> Result<&Client, Error> {
        self.clients.last().ok_or_else(|| self.nowhere())
    }

    fn first<'a, T>(
        &'a self,
        asked: impl Fn(&&Client) -> bool,
        ask: impl Fn(&'a Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut failure = None;
        for client in self.clients.iter().filter(asked) {
            match ask(client) {
                Err(error) if error.is_of_this_host() => failure = Some(error),
                outcome => return outcome,
            }
        }
        Err(failure.unwrap_or_else(|| self.nowhere()))
    }

    fn nowhere(&self) -> Error {
        Error::Settings {
            path: self.name.clone().into(),
            problem: "hosts.toml names no host that may do this".to_owned(),
        }
    }
}
