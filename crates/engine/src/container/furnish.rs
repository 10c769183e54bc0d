//! The kernel's side of a container's networks, done by its monitor while init builds the root, from
//! the document in its run directory: ports are held, devices made, and the firewall is told
//! (`announce.rs`).

use std::cell::RefCell;
use std::error::Error as StdError;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use network::{Endpoint, Port};
use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use store::Durability;

use super::announce::announce;
use super::networking::{Connection, NETWORKS, connections};
use super::publish::publisher;
use crate::Paths;

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
                if let Ok(socket) = self.hold(&mut same) {
                    held.extend(socket);
                    *port = same;
                    continue;
                }
            }
            let is_any = port.host_port == 0;
            held.extend(self.hold(port)?);
            chosen = is_any.then_some(*port);
        }
        let path: PathBuf = self.paths.run_dir(self.id).join(NETWORKS);
        Ok(store::write_json(&path, &connections, Durability::Boot)?)
    }

    /// Holds a port. Who has it is said by name: the sockets that hold ports are in no list of the
    /// kernel.
    fn hold(&self, port: &mut Port) -> Result<Option<OwnedFd>, network::Error> {
        let held = network::hold(port);
        // Where there is no socket, nothing else keeps others from it.
        if !matches!(held, Ok(None) | Err(network::Error::PortTaken { .. })) {
            return held;
        }
        match publisher(self.paths, port, self.id) {
            None => held,
            Some(name) => Err(network::Error::PortTaken {
                holder: Some(format!("container {name}")),
                port: *port,
            }),
        }
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
