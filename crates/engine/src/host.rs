//! What the engine knows about its caller and the machine: rights and ids. Everything that
//! depends on "may we?" asks here; nothing asks "are we root?".

use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, capabilities};

/// The caller's ids and rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Effective capabilities.
    pub capabilities: CapabilitySet,
}

impl Host {
    /// The calling process.
    pub fn of_caller() -> Self {
        Self {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            // A process can always read its own.
            capabilities: capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective),
        }
    }

    /// Whether it may give a container any range of ids, and map layers and volumes to it.
    pub fn may_map_ranges(&self) -> bool {
        let needed = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::SYS_ADMIN;
        self.capabilities.contains(needed)
    }

    /// Whether it may make namespaces and mounts without a user namespace.
    pub fn may_mount(&self) -> bool {
        self.capabilities.contains(CapabilitySet::SYS_ADMIN)
    }

    /// Whether it may raise hard limits and lower oom scores.
    pub fn may_raise_limits(&self) -> bool {
        self.capabilities.contains(CapabilitySet::SYS_RESOURCE)
    }
}
