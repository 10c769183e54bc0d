//! Who makes cgroups on this host: wharf itself in the file system, the system's systemd, or the
//! caller's own.

use serde::{Deserialize, Serialize};

use super::hierarchy;

/// Which systemd is asked: each user has one beside the system's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bus {
    /// That of the system.
    System,
    /// A user's, at this address (`DBUS_SESSION_BUS_ADDRESS`).
    User {
        /// The address.
        address: String,
    },
}

/// Who makes a container's cgroup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Manager {
    /// wharf itself, in the file system.
    #[default]
    Cgroupfs,
    /// systemd, as a scope.
    Systemd(Bus),
    /// Nobody: the container stays in its maker's.
    Disabled,
}

impl Manager {
    /// Whoever owns the tree: systemd where it runs and there is only v2, so that a cgroup of ours
    /// would stand in the middle of its own. `user_bus` is the address of the caller's bus; without
    /// one, somebody without rights keeps to what is delegated to it.
    pub fn of_host(user_bus: Option<&str>) -> Self {
        let runs_systemd = std::path::Path::new("/run/systemd/system").is_dir();
        let only_v2 = || {
            hierarchy::mounted().is_ok_and(|found| {
                !found.is_empty() && found.iter().all(|hierarchy| hierarchy.unified)
            })
        };
        match runs_systemd && only_v2() {
            true => Self::systemd(user_bus).unwrap_or_default(),
            false => Self::Cgroupfs,
        }
    }

    /// The systemd that somebody like the caller asks; none when that is its own and `user_bus`
    /// does not say where it is.
    pub fn systemd(user_bus: Option<&str>) -> Option<Self> {
        if is_hosts_root() {
            return Some(Self::Systemd(Bus::System));
        }
        let address = user_bus?.to_owned();
        Some(Self::Systemd(Bus::User { address }))
    }
}

/// Whether the caller is root, and not only in a user namespace.
fn is_hosts_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let is_whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    rustix::process::geteuid().is_root() && is_whole
}
