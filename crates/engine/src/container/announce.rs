//! What the firewall is told: of a container's networks and ports when it starts and when it ends,
//! and of everything when its table is missing. What is said is in `networks.json` before, so that
//! whoever makes the table anew knows of it; the lock keeps two from doing that at once, and what
//! just ended out of it.

use network::{Endpoint, Said};
use store::Lock;

use super::charge::Charge;
use super::networking::{Connection, connections};
use crate::networks::made_networks;
use crate::{Engine, Error, Paths};

/// Tells the firewall of these networks and ports, and lets the kernel pass packets on.
pub(super) fn announce(paths: &Paths, endpoints: &[Endpoint]) -> Result<(), Error> {
    let mut said = Vec::new();
    for endpoint in endpoints {
        said.push(Said::Network(&endpoint.network));
        said.extend(endpoint.ports.iter().map(|port| Said::Port(endpoint, port)));
    }
    let firewall = paths.firewall();
    if !firewall.say(&said)? {
        let _lock = lock(paths)?;
        make_anew(paths)?;
        // A port that we hold is ours, whatever is left there of a container that is gone.
        firewall.say_instead(&said)?;
    }
    for endpoint in endpoints {
        network::allow(&endpoint.network)?;
        let mut ports = endpoint.ports.iter();
        ports.try_for_each(network::forget_flows_to_host)?;
    }
    Ok(())
}

/// Takes the published ports of connections back, and then does the rest of their end.
pub(super) fn withdraw(
    paths: &Paths,
    ended: &[Connection],
    rest: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    let endpoints = || ended.iter().map(|connection| &connection.endpoint);
    let published = || endpoints().flat_map(|end| end.ports.iter().map(move |port| (end, port)));
    if published().next().is_none() {
        return rest();
    }
    let _lock = lock(paths)?;
    let said: Vec<Said<'_>> = published()
        .map(|(end, port)| Said::Port(end, port))
        .collect();
    paths.firewall().unsay(&said)?;
    for (endpoint, port) in published() {
        network::forget_flows_to_container(endpoint, port)?;
    }
    rest()
}

fn lock(paths: &Paths) -> Result<Lock, Error> {
    Ok(Lock::exclusive(&paths.firewall_lock())?)
}

/// Makes the table anew, unless somebody else has just done it; the lock is held.
fn make_anew(paths: &Paths) -> Result<(), Error> {
    let firewall = paths.firewall();
    if firewall.is_whole()? {
        return Ok(());
    }
    // Whoever says something from here on finds no table, and waits for this one.
    firewall.remove()?;
    let networks = made_networks(paths)?;
    let connections = live_connections(paths);
    let networks = networks.iter().map(|record| Said::Network(&record.network));
    let published = connections.iter().flat_map(|(_, connection)| {
        let end = &connection.endpoint;
        // One that is not chosen yet is said by whoever chooses it.
        let ports = end.ports.iter().filter(|port| port.host_port != 0);
        ports.map(move |port| Said::Port(end, port))
    });
    Ok(firewall.make(&networks.chain(published).collect::<Vec<_>>())?)
}

/// The connections of all containers with their ids, but of those that nobody is in charge of.
pub(super) fn live_connections(paths: &Paths) -> Vec<(String, Connection)> {
    let running = std::fs::read_dir(paths.run_containers());
    let ids = running.into_iter().flatten().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().into_string().ok());
    let is_held = |id: &String| Charge::is_held(paths, id).unwrap_or(true);
    let of = |id: String| {
        let all = connections(paths, &id).unwrap_or_default().into_iter();
        all.map(move |connection| (id.clone(), connection))
    };
    ids.filter(is_held).flat_map(of).collect()
}

impl Engine {
    /// Makes the firewall's table anew if somebody flushed it while containers need it. What goes
    /// wrong is said by the next start of a container.
    pub(crate) fn mend_firewall(&self) {
        let networks = std::fs::read_dir(self.paths.all_leases());
        let mut networks = networks.into_iter().flatten().flatten();
        let is_used = networks.any(|entry| !network::holders(&entry.path()).is_empty());
        if !is_used || self.paths.firewall().is_whole().unwrap_or(true) {
            return;
        }
        // Somebody may have come here from another network, where these things are none.
        let made = made_networks(&self.paths).unwrap_or_default();
        if made.iter().any(|made| network::has_bridge(&made.network)) {
            let _ = lock(&self.paths).and_then(|_lock| make_anew(&self.paths));
        }
    }
}
