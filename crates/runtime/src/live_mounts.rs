//! `mounts`: mounts for a container that stands, and away with them again, as crun has it. What is
//! mounted this way is nobody's to remember: it goes with the container.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, OFlags, StatxFlags, statx};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::container::Container;
use crate::error::{Doing, Error, Fault};
use crate::id_map;
use crate::init::visitor::{Visit, visit};
use crate::namespaces::Namespaces;
use crate::rootfs::detach::{Detached, Maker};
use crate::rootfs::mounts::{Mount, Source, Surroundings};
use crate::status::Operation;

/// Adds mounts to the container `id` below `root`, all of them or none.
///
/// # Errors
/// [`Error::Status`] when it is stopped; a mount that cannot be made or attached, or that only a
/// container that is being made can have.
pub fn add_mounts(root: &Path, id: &str, list: &[spec::runtime::Mount]) -> Result<(), Error> {
    let (container, pid) = open(root, id)?;
    let has_user = Namespaces::of_process(pid)?.has_user();
    let around = Surroundings {
        bundle: &container.record.bundle,
        rootfs: None,
        label: None,
        has_user,
    };
    let mounts = list.iter().map(|entry| {
        let mut mount = Mount::resolve(entry, around)?;
        check(&mount, has_user)?;
        if has_user {
            give_to_container(&mut mount, pid)?;
        }
        Ok(mount)
    });
    let mounts = mounts.collect::<Result<Vec<_>, Error>>()?;
    let detached = mounts.iter().map(|mount| mount.detach(Maker::Parent(None)));
    let detached = detached.collect::<Result<Vec<_>, _>>()?;
    visit(pid, |visit| attach_all(visit, &mounts, &detached))
}

/// Takes what is mounted at each destination away from the container `id` below `root`.
///
/// # Errors
/// [`Error::Status`] when it is stopped; where nothing is mounted.
pub fn remove_mounts(root: &Path, id: &str, list: &[spec::runtime::Mount]) -> Result<(), Error> {
    let (_, pid) = open(root, id)?;
    visit(pid, |visit| {
        let mut destinations = list.iter().map(|mount| mount.destination.as_path());
        destinations.try_for_each(|destination| detach_at(visit, destination))
    })
}

fn open(root: &Path, id: &str) -> Result<(Container, Pid), Error> {
    let container = Container::open(root, id)?;
    container.require(Operation::Update)?;
    let gone = || Error::NotFound { id: id.to_owned() };
    let pid = container.pid().ok_or_else(gone)?;
    Ok((container, pid))
}

fn check(mount: &Mount, has_user: bool) -> Result<(), Error> {
    let unsupported = |what: &str| {
        let destination = mount.destination.display();
        Err(Error::Unsupported {
            what: format!("{what} for a container that stands (mount {destination})"),
        })
    };
    match &mount.source {
        _ if mount.idmap.is_some() => unsupported("an id-mapped mount"),
        _ if mount.options.copy_up => unsupported("tmpcopyup"),
        Source::Bind { .. } => Ok(()),
        Source::FileSystem { kind, .. } if !has_user || kind == "tmpfs" => Ok(()),
        Source::FileSystem { kind, .. } => {
            unsupported(&format!("{kind}, which only its user namespace can mount,"))
        }
        Source::Overlay(_) if !has_user => Ok(()),
        Source::Overlay(_) => unsupported("an overlay below a user namespace"),
        Source::Cgroup => unsupported("a cgroup mount"),
        Source::Remount => unsupported("a remount"),
        Source::Inside { .. } => unsupported("a mount from the container's own root"),
    }
}

/// A tmpfs is made with the host's rights: its root belongs to the container's.
fn give_to_container(mount: &mut Mount, pid: Pid) -> Result<(), Error> {
    if matches!(mount.source, Source::Bind { .. }) {
        return Ok(());
    }
    let (uids, gids) = id_map::read(pid)?;
    for (key, map) in [("uid", uids), ("gid", gids)] {
        let is_said = |word: &String| word.starts_with(&format!("{key}="));
        if !mount.options.data.iter().any(is_said) {
            let owner = id_map::host_id(&map, 0).ok_or(Errno::OVERFLOW);
            let owner = owner.doing(|| "finding the container's root in its id maps".into())?;
            mount.options.data.push(format!("{key}={owner}"));
        }
    }
    Ok(())
}

fn attach_all(visit: &Visit<'_>, mounts: &[Mount], detached: &[Detached]) -> Result<(), Fault> {
    for (index, (mount, made)) in mounts.iter().zip(detached).enumerate() {
        if let Err(fault) = attach(visit, mount, made.mount.as_fd()) {
            let before = detached.iter().take(index).rev();
            before.for_each(|made| undo(visit, made.mount.as_fd()));
            return Err(fault);
        }
    }
    Ok(())
}

fn attach(visit: &Visit<'_>, mount: &Mount, made: BorrowedFd<'_>) -> Result<(), Fault> {
    mount.attach(visit.root, made)?;
    let mut finished = mount.finish(made);
    if mount.is_closed_last() {
        finished = finished.and_then(|()| mount.close(made));
    }
    finished.inspect_err(|_| undo(visit, made))
}

fn undo(visit: &Visit<'_>, made: BorrowedFd<'_>) {
    // It is the failure before that has to be told.
    let _ = visit.unmount(made);
}

/// Unmounts what is at `destination`.
fn detach_at(visit: &Visit<'_>, destination: &Path) -> Result<(), Fault> {
    let clause = || format!("unmounting {}", destination.display());
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let mounted = sys::path::open_in_root(visit.root, destination, flags).doing(clause)?;
    let number = |fd: BorrowedFd<'_>| statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID);
    // The root itself stays, whichever way it is named.
    if number(mounted.as_fd()).doing(clause)?.stx_mnt_id
        == number(visit.root).doing(clause)?.stx_mnt_id
    {
        return Err(Fault::new(clause(), Errno::INVAL));
    }
    visit.unmount(mounted.as_fd()).doing(clause)
}
