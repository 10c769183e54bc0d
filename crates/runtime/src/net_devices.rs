//! Network devices of the host that a container gets (`linux.netDevices`): moved by the parent, with
//! their addresses, before init goes on, and given back when the container cannot be made. When it
//! ends, the kernel does what it does with devices of a namespace that goes.
//!
//! Source: runtime-spec, config-linux.md "Network Devices".

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use spec::runtime::{NamespaceType, NetDevice};

use crate::error::{Doing, Error, Fault};
use crate::namespaces::{self, Namespaces};
use crate::rtnetlink::{Link, Socket};

/// The longest name of a network device, without its final null byte.
const LONGEST_NAME: usize = 15;

/// Devices by their names on the host.
pub(crate) type NetDevices = BTreeMap<String, NetDevice>;

/// Refuses names that cannot be and a container that has the host's network.
pub(crate) fn check(devices: &NetDevices, namespaces: &Namespaces) -> Result<(), Error> {
    let invalid = |key: &str, why: &str| {
        Err(Error::Invalid {
            key: format!("linux.netDevices{key}"),
            why: why.to_owned(),
        })
    };
    if !devices.is_empty() && namespaces.is_shared(NamespaceType::Network) {
        return invalid("", "the container needs a network namespace of its own");
    }
    for (name, device) in devices {
        let inside = device.name.as_deref().unwrap_or(name);
        // A template lets the kernel choose a number.
        let fixed = inside.replacen("%d", "", 1);
        if !is_name(name) || !is_name(inside) || fixed.contains('%') {
            let key = format!(".{name}");
            return invalid(&key, "is no name of a network device of at most 15 bytes");
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '/' && c != ':';
    let is_special = matches!(name, "" | "." | "..");
    name.len() <= LONGEST_NAME && !is_special && name.chars().all(is_allowed)
}

/// One side of a move.
#[derive(Debug)]
struct Side {
    namespace: OwnedFd,
    socket: Socket,
}

/// Devices that were moved.
#[derive(Debug)]
pub(crate) struct Moved {
    host: Side,
    container: Side,
    /// The name on the host, the link inside, and whether it was up.
    devices: Vec<(String, Link)>,
}

/// Moves all devices into the network namespace of the process `pid`; if one cannot be moved, all
/// are given back.
pub(crate) fn move_into(devices: &NetDevices, pid: Pid) -> Result<Moved, Fault> {
    let own = namespaces::open(Path::new("/proc/self/ns/net"))?;
    let theirs = namespaces::open_of(pid, NamespaceType::Network)?;
    let clause = || "opening a route socket".to_owned();
    let there = socket_in(theirs.as_fd(), own.as_fd())?;
    let mut moved = Moved {
        host: Side {
            namespace: own,
            socket: Socket::open().doing(clause)?,
        },
        container: Side {
            namespace: theirs,
            socket: there,
        },
        devices: Vec::new(),
    };
    for (name, device) in devices {
        let inside = device.name.as_deref().unwrap_or(name);
        if let Err(fault) = moved.add(name, inside) {
            moved.give_back();
            return Err(fault);
        }
    }
    Ok(moved)
}

impl Moved {
    fn add(&mut self, name: &str, inside: &str) -> Result<(), Fault> {
        let clause = || format!("moving the network device {name} into the container");
        let before = self.host.socket.link(name).doing(clause)?;
        let link =
            transfer(&mut self.host, &mut self.container, before, inside, true).doing(clause)?;
        let is_up = before.is_up;
        self.devices.push((name.to_owned(), Link { is_up, ..link }));
        Ok(())
    }

    /// Moves everything back; what cannot be moved goes the way of its namespace.
    pub(crate) fn give_back(&mut self) {
        while let Some((name, link)) = self.devices.pop() {
            let _ = transfer(&mut self.container, &mut self.host, link, &name, link.is_up);
        }
    }
}

/// Moves one link with its lasting addresses, which the kernel takes away on the way.
fn transfer(
    from: &mut Side,
    to: &mut Side,
    link: Link,
    name: &str,
    up: bool,
) -> Result<Link, Errno> {
    let addresses = from.socket.addresses(link.index)?;
    // A name that the kernel chooses is known by being new.
    let is_template = name.contains('%');
    let known = is_template.then(|| to.socket.links()).transpose()?;
    if !is_template && to.socket.link(name) != Err(Errno::NODEV) {
        // The kernel would notice only after the move.
        return Err(Errno::EXIST);
    }
    from.socket.set_up(link.index, false)?;
    from.socket
        .move_link(link.index, to.namespace.as_fd(), name)?;
    let moved = match known {
        None => to.socket.link(name)?,
        Some(known) => {
            let is_new = |link: &Link| known.iter().all(|old| old.index != link.index);
            let mut links = to.socket.links()?.into_iter();
            links.rfind(is_new).ok_or(Errno::NODEV)?
        }
    };
    for address in &addresses {
        to.socket.add_address(moved.index, address)?;
    }
    if up {
        to.socket.set_up(moved.index, true)?;
    }
    Ok(moved)
}

/// A socket acts where it was opened, so the process steps over for a moment.
fn socket_in(namespace: BorrowedFd<'_>, own: BorrowedFd<'_>) -> Result<Socket, Fault> {
    let enter = |namespace| {
        move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))
            .doing(|| "entering a network namespace".to_owned())
    };
    enter(namespace)?;
    let socket = Socket::open().doing(|| "opening a route socket in the container".to_owned());
    enter(own)?;
    socket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_kernel_takes() {
        for name in ["eth0", "a.b-c", "veth%d", "123456789012345"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a b", "a:1", "1234567890123456"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
