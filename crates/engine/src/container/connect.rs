//! `network connect` and `disconnect`: other networks for a container, also for one that runs.

use std::os::fd::{AsFd, OwnedFd};

use network::Rates;
use rustix::fs::{Mode, OFlags};
use store::{Durability, Lock};

use super::announce::{announce, withdraw};
use super::config::{NetworkWish, Sharing};
use super::live::look;
use super::networking::{Connection, NETWORKS, check_wish, connections, has_way_out};
use super::record::Record;
use super::resolver;
use crate::events::{Event, note};
use crate::networks;
use crate::{Engine, Error};

impl Engine {
    /// Connects a container to one more network; gives back what is not as it should be.
    ///
    /// # Errors
    /// [`Error::Connection`] when it is connected; whatever is wrong with the wish.
    pub fn connect(&self, name: &str, mut wish: NetworkWish) -> Result<Vec<String>, Error> {
        self.require_networks()?;
        let network = self.network(&wish.network)?;
        wish.network.clone_from(&network.name);
        check_wish(&network, &wish)?;
        let (record, _lock) = self.lock_connections(name)?;
        if record
            .config
            .networks
            .iter()
            .any(|other| other.network == wish.network)
        {
            return Err(Error::Connection {
                container: record.name,
                state: "is connected already to",
                name: network.name,
            });
        }
        let (mut warnings, mut changed) = (Vec::new(), None);
        if let Some(namespace) = self.network_namespace(&record)? {
            let mut all = connections(&self.paths, &record.id)?;
            let before = all.clone();
            let number = free_number(&all);
            let connection = self.lease(&record, &wish, &network, number, !has_way_out(&all))?;
            let endpoint = connection.endpoint.clone();
            all.push(connection);
            let connected = self.write_connections(&record, &all).and_then(|()| {
                let endpoints = std::slice::from_ref(&endpoint);
                announce(&self.paths, endpoints)?;
                network::connect(endpoints, namespace.as_fd())
                    .map_err(|error| Error::of_network(&network.name, error))
            });
            if let Err(error) = connected {
                all.pop();
                // The first error is the one to tell.
                let _ = self.write_connections(&record, &all);
                let _ = networks::free(&self.paths, &endpoint, &record.id);
                return Err(error);
            }
            warnings = self.serve_names(&all);
            let event = all
                .last()
                .map(|new| Event::of_connection(&record, new, "connect"));
            note(&self.paths, &event.into_iter().collect::<Vec<_>>());
            changed = Some((before, all));
        }
        self.change(&record, |record| {
            record.config.networks.push(wish);
            Ok(())
        })?;
        if let Some((before, all)) = changed {
            resolver::renew(&record, &before, &all)?;
        }
        Ok(warnings)
    }

    /// Takes a container off a network; `force` also when the record does not say that it is
    /// connected.
    ///
    /// # Errors
    /// [`Error::Connection`] when it is not connected.
    pub fn disconnect(&self, network: &str, name: &str, force: bool) -> Result<(), Error> {
        let network = self.network(network)?;
        let (record, _lock) = self.lock_connections(name)?;
        let mut all = connections(&self.paths, &record.id)?;
        let is_this = |connection: &Connection| connection.endpoint.network.id == network.id();
        let at = all.iter().position(is_this);
        let is_wished = record
            .config
            .networks
            .iter()
            .any(|wish| wish.network == network.name);
        if at.is_none() && !is_wished && !force {
            return Err(Error::Connection {
                container: record.name,
                state: "is not connected to",
                name: network.name,
            });
        }
        let mut changed = None;
        if let Some(at) = at {
            let before = all.clone();
            let connection = all.remove(at);
            let failed = |error| Error::of_network(&network.name, error);
            network::disconnect(&connection.endpoint).map_err(failed)?;
            withdraw(&self.paths, std::slice::from_ref(&connection), || {
                self.write_connections(&record, &all)?;
                networks::free(&self.paths, &connection.endpoint, &record.id)
            })?;
            let event = Event::of_connection(&record, &connection, "disconnect");
            note(&self.paths, &[event]);
            changed = Some(before);
        }
        self.change(&record, |record| {
            record
                .config
                .networks
                .retain(|wish| wish.network != network.name);
            if record.config.networks.is_empty() {
                // The default one is only for those that never had any.
                record.config.namespaces.network = Sharing::Private;
            }
            Ok(())
        })?;
        changed.map_or(Ok(()), |before| resolver::renew(&record, &before, &all))
    }

    /// Has the connections of a container that runs keep to other rates.
    pub(super) fn set_rates(&self, record: &Record, rates: Rates) -> Result<(), Error> {
        let (record, _lock) = self.lock_connections(&record.id)?;
        let mut all = connections(&self.paths, &record.id)?;
        let before = all.clone();
        for connection in &mut all {
            // Until it is gone, what limits it is known.
            connection.endpoint.rates = match rates.limit_out() {
                Some(_) => rates,
                None => Rates {
                    outward: connection.endpoint.rates.outward,
                    ..rates
                },
            };
        }
        self.write_connections(&record, &all)?;
        for connection in &before {
            network::set_rates(&connection.endpoint, rates)
                .map_err(|error| Error::of_network(&connection.name, error))?;
        }
        for connection in &mut all {
            connection.endpoint.rates = rates;
        }
        self.write_connections(&record, &all)
    }

    /// Finds a container with networks of its own, which nobody else changes meanwhile.
    fn lock_connections(&self, name: &str) -> Result<(Record, Lock), Error> {
        let record = self.find(name)?;
        let sharing = &record.config.namespaces.network;
        if !matches!(sharing, Sharing::Default | Sharing::Private) {
            return Err(Error::Invalid {
                what: "network",
                why: format!("container {} has the network of {sharing}", record.name),
            });
        }
        let lock = crate::claim::lock(&self.paths.networks())?;
        // It may have changed before it was locked.
        Ok((self.find(&record.id)?, lock))
    }

    /// The network namespace of a container, if it runs.
    fn network_namespace(&self, record: &Record) -> Result<Option<OwnedFd>, Error> {
        let Some(pid) = look(&self.paths, record)?.pid else {
            return Ok(None);
        };
        let path = format!("/proc/{pid}/ns/net");
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&path, flags, Mode::empty());
        let namespace = opened.map_err(|errno| Error::io("opening", path.as_ref(), errno))?;
        // The pid may have become somebody else's before it was opened.
        Ok(Some(namespace)
            .filter(|_| look(&self.paths, record).is_ok_and(|live| live.pid == Some(pid))))
    }

    fn write_connections(&self, record: &Record, all: &[Connection]) -> Result<(), Error> {
        let path = self.paths.run_dir(&record.id).join(NETWORKS);
        Ok(store::write_json(&path, &all, Durability::Boot)?)
    }
}

/// The first number that no device of the container has.
fn free_number(all: &[Connection]) -> usize {
    let is_taken = |number: usize| {
        let name = format!("eth{number}");
        all.iter()
            .any(|connection| connection.endpoint.interface == name)
    };
    (0..).find(|number| !is_taken(*number)).unwrap_or(all.len())
}
