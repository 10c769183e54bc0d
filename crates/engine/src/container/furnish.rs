//! The kernel's side of a container's networks, done by its monitor while init builds the root, from
//! the document in its run directory: ports are held, devices made, and the firewall is told.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use network::{Endpoint, Network, Port, Said};
use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use store::Durability;

use super::networking::{Connection, NETWORKS, connections};
use crate::networks::made_networks;
use crate::{Error, Paths};

/// Gives a container its networks.
#[derive(Debug)]
pub(super) struct Furnisher<'a> {
    paths: &'a Paths,
    id: &'a str,
    /// The sockets that hold the published ports, as long as this process lives.
    held: RefCell<Vec<OwnedFd>>,
}

impl<'a> Furnisher<'a> {
    pub(super) fn new(paths: &'a Paths, id: &'a str) -> Self {
        Self {
            paths,
            id,
            held: RefCell::default(),
        }
    }

    /// Holds the published ports, and writes those down that the kernel chose.
    fn hold_ports(
        &self,
        connections: &mut [Connection],
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let mut held = self.held.borrow_mut();
        if !held.is_empty() || connections.iter().all(|c| c.endpoint.ports.is_empty()) {
            return Ok(());
        }
        let mut chosen: Option<Port> = None;
        for port in connections.iter_mut().flat_map(|c| &mut c.endpoint.ports) {
            // The same one for both families, if it is free.
            let twin = chosen.filter(|other| {
                other.port == port.port && other.protocol == port.protocol && port.host_port == 0
            });
            if let Some(twin) = twin {
                let mut same = Port {
                    host_port: twin.host_port,
                    ..*port
                };
                if let Ok(socket) = network::hold(&mut same) {
                    held.extend(socket);
                    *port = same;
                    continue;
                }
            }
            let is_any = port.host_port == 0;
            held.extend(network::hold(port)?);
            chosen = is_any.then_some(*port);
        }
        let path: PathBuf = self.paths.run_dir(self.id).join(NETWORKS);
        Ok(store::write_json(&path, &connections, Durability::Boot)?)
    }
}

impl runtime::Furnisher for Furnisher<'_> {
    fn furnish(&self, pid: Pid) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let mut connections = connections(self.paths, self.id)?;
        if connections.is_empty() {
            return Ok(());
        }
        self.hold_ports(&mut connections)?;
        let endpoints: Vec<Endpoint> = connections.into_iter().map(|c| c.endpoint).collect();
        let path = format!("/proc/{}/ns/net", pid.as_raw_pid());
        let namespace = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        // What is forbidden is forbidden before there is anybody to do it.
        announce(self.paths, &endpoints)?;
        network::connect(&endpoints, namespace.as_fd())?;
        for endpoint in &endpoints {
            for port in &endpoint.ports {
                network::allow_loopback(endpoint, port)?;
            }
        }
        Ok(())
    }
}

/// Tells the firewall of these networks and ports, and of all others when it knows nothing, and lets
/// the kernel pass packets on.
pub(super) fn announce(paths: &Paths, endpoints: &[Endpoint]) -> Result<(), network::Error> {
    let mut said = Vec::new();
    for endpoint in endpoints {
        said.push(Said::Network(&endpoint.network));
        said.extend(endpoint.ports.iter().map(|port| Said::Port(endpoint, port)));
    }
    network::say(&said, || everything(paths).unwrap_or_default())?;
    endpoints
        .iter()
        .try_for_each(|endpoint| network::allow(&endpoint.network))
}

/// All networks, and the published ports of all containers that run.
type Everything = Vec<(Network, Vec<(Endpoint, Port)>)>;

fn everything(paths: &Paths) -> Result<Everything, Error> {
    let mut published: Vec<(Endpoint, Port)> = Vec::new();
    let running = std::fs::read_dir(paths.run_containers())
        .into_iter()
        .flatten()
        .flatten();
    for id in running.filter_map(|entry| entry.file_name().into_string().ok()) {
        for endpoint in connections(paths, &id)?.into_iter().map(|c| c.endpoint) {
            let ports = endpoint
                .ports
                .clone()
                .into_iter()
                .filter(|port| port.host_port != 0);
            published.extend(ports.map(|port| (endpoint.clone(), port)));
        }
    }
    let of = |network: &Network| {
        let all = published
            .iter()
            .filter(|(endpoint, _)| endpoint.network.id == network.id);
        all.cloned().collect()
    };
    let networks = made_networks(paths)?
        .into_iter()
        .map(|record| record.network);
    Ok(networks
        .map(|network| (network.clone(), of(&network)))
        .collect())
}
