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
                Some(path) => namespaces.join.push((entry.kind, open(path)?)),
            }
        }
        Ok(namespaces)
    }

    /// All namespaces of a running process that differ from the caller's own.
    pub(crate) fn of_process(pid: Pid) -> Result<Self, Fault> {
        let mut join = Vec::with_capacity(8);
        for kind in ENTRY_ORDER {
            let theirs = format!("/proc/{}/ns/{}", pid.as_raw_pid(), file_name(kind));
            let ours = format!("/proc/self/ns/{}", file_name(kind));
            let fd = open(Path::new(&theirs))?;
            let their_stat = rustix::fs::fstat(&fd).doing(|| format!("looking at {theirs}"))?;
            let our_stat = rustix::fs::stat(&ours).doing(|| format!("looking at {ours}"))?;
            if (their_stat.st_dev, their_stat.st_ino) != (our_stat.st_dev, our_stat.st_ino) {
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
        if self.needs_middle() {
            Set::empty()
        } else {
            self.create - Set::CGROUP - Set::TIME
        }
    }

    /// Whether a process in between must join the user namespace before the pid namespace can be
    /// made or joined there with that namespace's rights.
    pub(crate) fn needs_middle(&self) -> bool {
        self.joined(NamespaceType::User).is_some()
            && (self.create.contains(Set::PID) || self.joined(NamespaceType::Pid).is_some())
    }

    /// Joins in the calling process, in the one order that keeps the right to go on: the user
    /// namespace first, the mount namespace last but pid (whose effect is on children).
    pub(crate) fn enter(&self, wanted: impl Fn(NamespaceType) -> bool) -> Result<(), Fault> {
        for kind in ENTRY_ORDER {
            if let Some(fd) = self.joined(kind).filter(|_| wanted(kind)) {
                rustix::thread::move_into_link_name_space(fd, Some(link_type(kind)))
                    .doing(|| format!("joining the {} namespace", kind.name()))?;
            }
        }
        Ok(())
    }
}

/// The user namespace first: it gives the rights over the others it owns. The mount namespace is
/// entered last, since paths change with it.
const ENTRY_ORDER: [NamespaceType; 8] = [
    NamespaceType::User,
    NamespaceType::Pid,
    NamespaceType::Network,
    NamespaceType::Ipc,
    NamespaceType::Uts,
    NamespaceType::Time,
    NamespaceType::Cgroup,
    NamespaceType::Mount,
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
        file_name(kind)
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

fn open(path: &Path) -> Result<OwnedFd, Fault> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .doing(|| format!("opening the namespace {}", path.display()))
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

/// The name below `/proc/PID/ns`.
pub(crate) fn file_name(kind: NamespaceType) -> &'static str {
    match kind {
        NamespaceType::Mount => "mnt",
        NamespaceType::Pid => "pid",
        NamespaceType::Network => "net",
        NamespaceType::Ipc => "ipc",
        NamespaceType::Uts => "uts",
        NamespaceType::User => "user",
        NamespaceType::Cgroup => "cgroup",
        NamespaceType::Time => "time",
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
