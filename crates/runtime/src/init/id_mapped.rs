//! User namespaces that exist for their id maps alone: an id-mapped mount with maps of its own shows
//! the ids of such a one. The kernel makes a user namespace only with a process in it, which ends as
//! soon as there is an fd.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::DupFlags;
use rustix::process::{Signal, pidfd_send_signal};
use spec::runtime::{IdMapping, NamespaceType};
use sys::clone::{Clone, Namespaces as Set, clone3};

use super::protocol;
use crate::error::{Doing, Error};
use crate::id_map::{self, IdMaps};
use crate::namespaces;
use crate::process::Process;

/// One for each pair of maps, made when it is first asked for.
#[derive(Default)]
pub(super) struct UserNamespaces<'a>(Vec<(IdMaps<'a>, OwnedFd)>);

impl<'a> UserNamespaces<'a> {
    /// The user namespace with these maps.
    pub(super) fn with(
        &mut self,
        uids: &'a [IdMapping],
        gids: &'a [IdMapping],
    ) -> Result<OwnedFd, Error> {
        let is_same = |maps: &IdMaps<'_>| maps.uids == uids && maps.gids == gids;
        let found = self.0.iter().position(|(maps, _)| is_same(maps));
        let at = match found {
            Some(at) => at,
            None => {
                let maps = IdMaps { uids, gids };
                self.0.push((maps, make(maps)?));
                self.0.len() - 1
            }
        };
        let clause = || "keeping a user namespace for its map".to_owned();
        let made = self.0.get(at).map(|(_, fd)| fd.try_clone());
        let made = made.unwrap_or_else(|| Err(rustix::io::Errno::BADF.into()));
        Ok(made.doing(clause)?)
    }
}

fn make(maps: IdMaps<'_>) -> Result<OwnedFd, Error> {
    let clause = || "making a user namespace for its map".to_owned();
    let (mut ours, theirs) = protocol::pair().doing(clause)?;
    let request = Clone {
        namespaces: Set::USER,
        ..Clone::default()
    };
    let child = clone3(&request, || {
        // With a second one of its own end in the place of ours it hears our end.
        let _ = rustix::io::dup3(&theirs, &mut ours, DupFlags::CLOEXEC);
        let _ = rustix::io::read(&theirs, &mut [0u8; 1]);
    })
    .doing(clause)?;
    let namespace = id_map::write(child.pid, maps)
        .and_then(|()| Ok(namespaces::open_of(child.pid, NamespaceType::User)?));
    // It has nothing more to do, whatever became of the maps.
    let _ = pidfd_send_signal(child.pidfd.as_fd(), Signal::KILL);
    Process {
        pid: child.pid,
        pidfd: child.pidfd,
        terminal: None,
        sources: Vec::new(),
    }
    .wait()?;
    namespace
}
