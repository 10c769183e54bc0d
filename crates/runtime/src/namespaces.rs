//! Namespaces: which ones a container gets new, which it joins, which it keeps from its parent,
//! and in what order a process enters them. How the ids of a user namespace map is in `id_map.rs`.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use rustix::thread::LinkNameSpaceType;
use spec::runtime::{NamespaceType, TimeOffset};
use sys::clone::Namespaces as Set;

use crate::error::{Doing, Fault};

/// What becomes of each of the eight namespaces.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    /// Made new for the container.
    pub(crate) create: Set,
    /// Joined, each through an fd opened before anything was changed.
    pub(crate) join: Vec<(NamespaceType, OwnedFd)>,
}

impl Namespaces {
    /// Resolves the list of `config.json`: an entry without a path is new, one with a path is
    /// joined, a missing one stays the parent's. All paths are opened here.
    pub(crate) fn resolve(list: &[spec::runtime::Namespace]) -> Result<Self, Fault> {
        let mut namespaces = Self::default();
        for entry in list {
            match &entry.path {
                None => namespaces.create |= flag(entry.kind),
                Some(path) => {
                    let fd = open(path)?;
                    // The kernel refuses to join the user namespace one is in.
                    if !is_own(entry.kind, &fd)? {
                        namespaces.join.push((entry.kind, fd));
                    }
                }
            }
        }
        Ok(namespaces)
    }

    /// All namespaces of a running process that differ from the caller's own.
    pub(crate) fn of_process(pid: Pid) -> Result<Self, Fault> {
        Self::some_of_process(pid, &NamespaceType::ALL)
    }

    /// Those of these kinds.
    pub(crate) fn some_of_process(pid: Pid, kinds: &[NamespaceType]) -> Result<Self, Fault> {
        let mut join = Vec::with_capacity(kinds.len());
        for &kind in kinds {
            let theirs = format!("/proc/{}/ns/{}", pid.as_raw_pid(), kind.proc_name());
            let fd = open(Path::new(&theirs))?;
            if !is_own(kind, &fd)? {
                join.push((kind, fd));
            }
        }
        Ok(Self {
            create: Set::empty(),
            join,
        })
    }

    /// Whether the container has a user namespace other than its parent's.
    pub(crate) fn has_user(&self) -> bool {
        self.create.contains(Set::USER) || self.joined(NamespaceType::User).is_some()
    }

    /// Whether `kind` is neither new nor joined: the container shares it with the host.
    pub(crate) fn is_shared(&self, kind: NamespaceType) -> bool {
        !self.create.contains(flag(kind)) && self.joined(kind).is_none()
    }

    /// The fd of the namespace of this kind that is joined.
    pub(crate) fn joined(&self, kind: NamespaceType) -> Option<BorrowedFd<'_>> {
        self.join
            .iter()
            .find(|(k, _)| *k == kind)
            .map(|(_, fd)| fd.as_fd())
    }

    /// What `clone3` itself makes. The cgroup namespace is made by the child once it is in its
    /// cgroup, since the namespace's root is where its maker stands; the time namespace because
    /// its offsets can only be set while nobody is inside.
    pub(crate) fn at_clone(&self) -> Set {
        self.create - Set::CGROUP - Set::TIME
    }

    /// What the child makes once it is in its cgroup.
    pub(crate) fn by_child(&self) -> Set {
        self.create & (Set::CGROUP | Set::TIME)
    }

    /// Joins in the calling process. Whoever has rights on the host uses them for all others
    /// before the user namespace takes them away, since they need not belong to it; whoever has
    /// none gets them from the user namespace first. The rest is left to
    /// [`Namespaces::enter_rest`].
    pub(crate) fn enter(&self) -> Result<(), Fault> {
        let user_last = has_rights_on_host();
        let first = (!user_last).then_some(NamespaceType::User);
        let last = user_last.then_some(NamespaceType::User);
        let order = first.into_iter().chain(ENTRY_ORDER).chain(last);
        for (kind, fd) in order.filter_map(|kind| Some((kind, self.joined(kind)?))) {
            join(kind, fd)?;
        }
        Ok(())
    }

    /// Joins, in the process that stays inside, what the one that cloned it could not: nobody in
    /// another cgroup namespace can clone into a cgroup outside of it, and our /proc goes with the
    /// mount namespace.
    pub(crate) fn enter_rest(&self) -> Result<(), Fault> {
        for kind in [NamespaceType::Cgroup, NamespaceType::Mount] {
            if let Some(fd) = self.joined(kind) {
                join(kind, fd)?;
            }
        }
        Ok(())
    }
}

fn join(kind: NamespaceType, fd: BorrowedFd<'_>) -> Result<(), Fault> {
    rustix::thread::move_into_link_name_space(fd, Some(link_type(kind)))
        .doing(|| format!("joining the {kind} namespace"))
}

fn has_rights_on_host() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// All but the user namespace and those that are entered last.
const ENTRY_ORDER: [NamespaceType; 5] = [
    NamespaceType::Pid,
    NamespaceType::Network,
    NamespaceType::Ipc,
    NamespaceType::Uts,
    NamespaceType::Time,
];

/// Makes the namespaces of `set` for the calling process.
pub(crate) fn unshare(set: Set) -> Result<(), Fault> {
    sys::unshare::unshare(set).doing(|| "making namespaces".to_owned())
}

/// The namespace of this kind that the process `pid` is in.
pub(crate) fn open_of(pid: Pid, kind: NamespaceType) -> Result<OwnedFd, Fault> {
    open(Path::new(&format!(
        "/proc/{}/ns/{}",
        pid.as_raw_pid(),
        kind.proc_name()
    )))
}

/// Sets the offsets of the clocks in a time namespace that was just unshared; the caller enters
/// it with its next `execve` (Linux 6.1 and later).
pub(crate) fn set_time_offsets(offsets: &BTreeMap<String, TimeOffset>) -> Result<(), Fault> {
    for (clock, offset) in offsets {
        let line = format!("{clock} {} {}", offset.secs, offset.nanosecs);
        std::fs::write("/proc/self/timens_offsets", &line)
            .doing(|| format!("setting the time offset {line:?}"))?;
    }
    Ok(())
}

/// The namespace at a path.
pub(crate) fn open(path: &Path) -> Result<OwnedFd, Fault> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .doing(|| format!("opening the namespace {}", path.display()))
}

/// Whether a namespace is the calling process's own.
fn is_own(kind: NamespaceType, namespace: &OwnedFd) -> Result<bool, Fault> {
    let ours = format!("/proc/self/ns/{}", kind.proc_name());
    let theirs = rustix::fs::fstat(namespace).doing(|| format!("looking at a {kind} namespace"))?;
    let own = rustix::fs::stat(&ours).doing(|| format!("looking at {ours}"))?;
    Ok((own.st_dev, own.st_ino) == (theirs.st_dev, theirs.st_ino))
}

/// The `clone` flag of a kind.
pub(crate) fn flag(kind: NamespaceType) -> Set {
    match kind {
        NamespaceType::Mount => Set::MNT,
        NamespaceType::Pid => Set::PID,
        NamespaceType::Network => Set::NET,
        NamespaceType::Ipc => Set::IPC,
        NamespaceType::Uts => Set::UTS,
        NamespaceType::User => Set::USER,
        NamespaceType::Cgroup => Set::CGROUP,
        NamespaceType::Time => Set::TIME,
    }
}

fn link_type(kind: NamespaceType) -> LinkNameSpaceType {
    match kind {
        NamespaceType::Mount => LinkNameSpaceType::Mount,
        NamespaceType::Pid => LinkNameSpaceType::ProcessID,
        NamespaceType::Network => LinkNameSpaceType::Network,
        NamespaceType::Ipc => LinkNameSpaceType::InterProcessCommunication,
        NamespaceType::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
        NamespaceType::User => LinkNameSpaceType::User,
        NamespaceType::Cgroup => LinkNameSpaceType::ControlGroup,
        NamespaceType::Time => LinkNameSpaceType::Time,
    }
}
