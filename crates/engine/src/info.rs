//! Facts about the installation and the machine.

use runtime::cgroup::Manager;

use crate::container::Status;
use crate::{Engine, Error, Sweep};

/// What `info` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Containers by status: running, paused, not running.
    pub containers: (usize, usize, usize),
    /// Images, without the built-in one.
    pub images: usize,
    /// The kernel's release.
    pub kernel: String,
    /// The machine's name and architecture.
    pub machine: (String, String),
    /// `v1`, `v2` or `hybrid`.
    pub cgroup: &'static str,
    /// Who makes cgroups: `cgroupfs` or `systemd`.
    pub cgroup_manager: &'static str,
    /// Whether containers can be limited.
    pub has_cgroups: bool,
    /// Whether each container has a range of ids of its own; a single id without.
    pub has_id_ranges: bool,
}

impl Engine {
    /// Gathers the facts, after clearing up.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn info(&self) -> Result<Info, Error> {
        self.sweep(Sweep::All);
        let list = self.list(true)?;
        let count = |wanted: &[Status]| {
            list.iter()
                .filter(|(_, live)| wanted.contains(&live.status))
                .count()
        };
        let by_systemd = matches!(self.cgroup_manager, Manager::Systemd(_));
        let kernel = rustix::system::uname();
        let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        Ok(Info {
            containers: (
                count(&[Status::Running]),
                count(&[Status::Paused]),
                count(&[Status::Created, Status::Exited]),
            ),
            images: self.images()?.len(),
            kernel: text(kernel.release()),
            machine: (text(kernel.nodename()), text(kernel.machine())),
            cgroup: cgroup_hierarchy(),
            cgroup_manager: if by_systemd { "systemd" } else { "cgroupfs" },
            has_cgroups: by_systemd || self.host.may_mount(),
            has_id_ranges: self.host.may_map_ranges(),
        })
    }
}

/// Which cgroup hierarchies are mounted where everybody mounts them.
fn cgroup_hierarchy() -> &'static str {
    let is_there = |path: &str| std::path::Path::new(path).exists();
    if is_there("/sys/fs/cgroup/cgroup.controllers") {
        "v2"
    } else if is_there("/sys/fs/cgroup/unified/cgroup.controllers") {
        "hybrid"
    } else {
        "v1"
    }
}
