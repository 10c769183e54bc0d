//! Removing networks that nobody is connected to.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use network::{holders, remove_bridge};

use super::network::{self as record, NetworkRecord};
use crate::claim::lock;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// How often, and how long each time: 2 seconds.
const PATIENCE: u32 = 400;
const NAP: Duration = Duration::from_millis(5);

impl Engine {
    /// Removes a network and its bridge.
    ///
    /// # Errors
    /// [`Error::NoSuchNetwork`]; [`Error::NetworkInUse`] names a container that is connected.
    pub fn remove_network(&self, name: &str) -> Result<NetworkRecord, Error> {
        let network = self.network(name)?;
        if network.is_predefined() {
            return Err(Error::Invalid {
                what: "network",
                why: format!("{} is always there and cannot be removed", network.name),
            });
        }
        let _making = lock(&self.paths.networks())?;
        let leases = self.paths.leases(network.id());
        if leases.is_dir() {
            // Nobody is connected from here on.
            let _lock = lock(&leases)?;
            self.check_unused(&network, &leases)?;
            self.forget_network(&network)?;
        } else {
            self.forget_network(&network)?;
        }
        store::remove_tree(&leases)?;
        let event = Event::of_network(network.id(), &network.name, &network.driver, "destroy");
        note(&self.paths, &[event]);
        Ok(network)
    }

    /// Removes the networks that no container names, whether it runs or not, and that are meant;
    /// gives back their names.
    ///
    /// # Errors
    /// When containers or networks cannot be listed.
    pub fn prune_networks(
        &self,
        is_meant: impl Fn(&NetworkRecord) -> bool,
    ) -> Result<Vec<String>, Error> {
        let containers = self.list(true)?;
        let used: BTreeSet<String> = containers
            .iter()
            .flat_map(|(record, _)| record.network_names())
            .collect();
        let mut removed = Vec::new();
        for network in self.networks()? {
            let is_free = !network.is_predefined() && !used.contains(&network.name);
            // Somebody may just have begun to use it.
            if is_free && is_meant(&network) && self.remove_network(&network.name).is_ok() {
                removed.push(network.name);
            }
        }
        note(&self.paths, &[Event::of_prune("network", 0)]);
        Ok(removed)
    }

    /// Whoever is just coming or going is waited for a while.
    fn check_unused(&self, network: &NetworkRecord, leases: &Path) -> Result<(), Error> {
        let is_alive = |id: &str| self.paths.run_dir(id).symlink_metadata().is_ok();
        let user = || holders(leases).into_iter().find(|(_, id)| is_alive(id));
        for _ in 0..PATIENCE {
            let Some((_, id)) = user() else {
                return Ok(());
            };
            if let Ok((record, live)) = self.look(&id)
                && live.status.is_up()
            {
                return Err(Error::NetworkInUse {
                    name: network.name.clone(),
                    container: record.name,
                });
            }
            std::thread::sleep(NAP);
        }
        match user() {
            Some((_, container)) => Err(Error::NetworkInUse {
                name: network.name.clone(),
                container,
            }),
            None => Ok(()),
        }
    }

    /// The bridge goes first: whoever is interrupted can do it again.
    fn forget_network(&self, network: &NetworkRecord) -> Result<(), Error> {
        let firewall = self.paths.firewall();
        firewall.unsay(&[network::Said::Network(&network.network)])?;
        remove_bridge(&network.network.bridge)?;
        Ok(store::remove_tree(&record::path(
            &self.paths,
            &network.name,
        ))?)
    }
}
