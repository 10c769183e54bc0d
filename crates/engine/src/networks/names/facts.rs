//! What the process of a network knows, and how it hears that it changed: it reads leases, the
//! containers' connections and their records, and watches the directories they are in.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use dns::{Directory, View};
use network::holders;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, inotify, open};
use rustix::io::Errno;

use crate::container::{Connection, connections, find_record};
use crate::{Error, Paths};

/// The host's own servers.
const RESOLV: &str = "/etc/resolv.conf";

/// The facts for the members of one network.
pub(super) struct Facts {
    paths: Paths,
    id: String,
    /// Tells of changes; without it nothing is kept.
    changes: Option<OwnedFd>,
    /// What makes leases wait.
    lock: OwnedFd,
    /// What each asker can see, until something changes.
    views: BTreeMap<IpAddr, Option<Rc<View>>>,
}

impl Facts {
    pub(super) fn new(paths: Paths, id: &str) -> Result<Self, Error> {
        let leases = paths.leases(id);
        let path = leases.join(".lock");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let lock = open(&path, flags, Mode::from_raw_mode(0o600))
            .map_err(|errno| Error::io("opening", &path, errno))?;
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let mut facts = Self {
            paths,
            id: id.to_owned(),
            changes: inotify::init(flags).ok(),
            lock,
            views: BTreeMap::new(),
        };
        facts.watch(&leases);
        Ok(facts)
    }

    /// Hears of changes in a directory from now on; one that is gone has none. Where the kernel does
    /// not take more of them, nothing is kept any more.
    fn watch(&mut self, directory: &Path) {
        use inotify::WatchFlags;
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        if let Some(changes) = &self.changes
            && let Err(errno) = inotify::add_watch(changes, directory, flags)
            && errno != Errno::NOENT
        {
            self.changes = None;
        }
    }

    /// Forgets what may not be so any more.
    fn hear(&mut self) {
        let Some(changes) = &self.changes else {
            return self.views.clear();
        };
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        while let Ok((heard, _)) = rustix::io::read(changes, &mut buffer) {
            if heard.is_empty() {
                break;
            }
            self.views.clear();
        }
    }

    /// What the one with this address sees: the members of its networks, at their addresses there.
    fn look(&mut self, asker: IpAddr) -> Result<Option<View>, Error> {
        let leases = holders(&self.paths.leases(&self.id));
        let Some((_, id)) = leases.into_iter().find(|(address, _)| *address == asker) else {
            return Ok(None);
        };
        let mut view = View::default();
        for own in self.connections(&id)? {
            view.leads_out |= !own.endpoint.network.internal;
            let leases = self.paths.leases(&own.endpoint.network.id);
            self.watch(&leases);
            let members: BTreeSet<_> = holders(&leases).into_iter().map(|(_, id)| id).collect();
            for member in members {
                self.add(&mut view, &member, &own)?;
            }
        }
        let record = find_record(&self.paths, &id)?;
        let servers = record.map(|record| record.config.dns).unwrap_or_default();
        view.servers = servers
            .iter()
            .filter_map(|server| server.parse().ok())
            .collect();
        Ok(Some(view))
    }

    /// Adds a member of a network.
    fn add(&mut self, view: &mut View, member: &str, network: &Connection) -> Result<(), Error> {
        let theirs = self.connections(member)?.into_iter();
        let mut theirs = theirs.filter(|c| c.endpoint.network.id == network.endpoint.network.id);
        let (Some(theirs), Some(record)) = (theirs.next(), find_record(&self.paths, member)?)
        else {
            // It is just coming or going.
            return Ok(());
        };
        let bare = [record.name.as_str(), record.short_id()].into_iter();
        let bare = bare.chain(theirs.aliases.iter().map(String::as_str));
        let names: Vec<String> = bare
            .flat_map(|name| [format!("{name}.{}", theirs.name), name.to_owned()])
            .collect();
        let addresses = theirs.endpoint.addresses.iter();
        let addresses: Vec<IpAddr> = addresses.map(ipnet::IpNet::addr).collect();
        view.add(&names, &addresses);
        Ok(())
    }

    /// A container's connections, which are watched from before they are read.
    fn connections(&mut self, id: &str) -> Result<Vec<Connection>, Error> {
        self.watch(&self.paths.run_dir(id));
        self.watch(&self.paths.data_dir(id));
        connections(&self.paths, id)
    }

    fn has_members(&self) -> bool {
        let is_alive = |id: &str| self.paths.run_dir(id).symlink_metadata().is_ok();
        let leases = holders(&self.paths.leases(&self.id));
        leases.iter().any(|(_, id)| is_alive(id))
    }
}

impl Directory for Facts {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.changes.as_ref().map(AsFd::as_fd)
    }

    fn view(&mut self, asker: IpAddr) -> Option<Rc<View>> {
        self.hear();
        if let Some(view) = self.views.get(&asker) {
            return view.clone();
        }
        // What cannot be read now is asked for again.
        let view = self.look(asker).ok()?.map(Rc::new);
        if view.is_some() && self.changes.is_some() {
            self.views.insert(asker, view.clone());
        }
        view
    }

    fn servers(&mut self, view: &View) -> Vec<SocketAddr> {
        let own = view.servers.clone();
        let servers = match own.is_empty() {
            true => servers(&std::fs::read_to_string(RESOLV).unwrap_or_default()),
            false => own,
        };
        servers
            .into_iter()
            .map(|server| SocketAddr::new(server, 53))
            .collect()
    }

    fn is_over(&mut self) -> bool {
        self.hear();
        // Whoever leases an address looks for this process afterwards.
        !self.has_members()
            && flock(&self.lock, FlockOperation::LockExclusive).is_ok()
            && (!self.has_members() || flock(&self.lock, FlockOperation::Unlock).is_err())
    }
}

/// The servers that a resolv.conf names.
fn servers(text: &str) -> Vec<IpAddr> {
    let words = text.lines().map(str::split_whitespace);
    let servers = words.filter_map(|mut words| match words.next() {
        Some("nameserver") => words.next()?.parse().ok(),
        _ => None,
    });
    servers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_a_resolv_conf_are_in_order() {
        let text = "# nameserver 1.1.1.1\nsearch lan\nnameserver 127.0.0.53\nnameserver\t::1\nnameserver x\n";
        let expected: Vec<IpAddr> = vec!["127.0.0.53".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(servers(text), expected);
    }
}
