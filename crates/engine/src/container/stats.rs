//! What a container uses at a moment: the figures of its cgroup and of its network devices.

use std::time::Instant;

use network::{Interface, Rates};

use super::live::look;
use super::status::{Operation, Status};
use crate::{Engine, Error};

/// The use of a container since it began.
#[derive(Debug, Clone)]
pub struct Usage {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was looked at.
    pub at: Instant,
    /// Nanoseconds of processor time.
    pub cpu: u64,
    /// Bytes of memory, without the page cache that would be given back first.
    pub memory: u64,
    /// The most memory it may use.
    pub memory_limit: u64,
    /// Bytes read from and written to block devices.
    pub block: (u64, u64),
    /// What went through its network devices but `lo`.
    pub interfaces: Vec<Interface>,
    /// How fast it may receive and send on each of its networks.
    pub network_limits: Rates,
    /// Processes and threads.
    pub pids: u64,
}

impl Engine {
    /// What a container uses.
    ///
    /// # Errors
    /// [`Error::Status`] unless it runs; [`Error::Unsupported`] when it has no cgroup.
    pub fn stats(&self, name: &str) -> Result<Usage, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        live.status.require(Operation::Stats, &record.name)?;
        let root = self.paths.run_containers();
        let stats = runtime::stats(&root, &record.id).map_err(|source| Error::Runtime {
            name: record.name.clone(),
            source,
        })?;
        let memory = &stats.memory;
        let of = |op: &str| {
            let entries = stats.blkio.io_service_bytes_recursive.iter();
            let entries = entries.filter(|entry| entry.op.eq_ignore_ascii_case(op));
            entries.map(|entry| entry.value).sum()
        };
        let inactive = ["total_inactive_file", "inactive_file"];
        let cache = inactive.iter().find_map(|key| memory.raw.get(*key));
        Ok(Usage {
            id: record.id,
            name: record.name,
            at: Instant::now(),
            cpu: stats.cpu.usage.total,
            memory: memory
                .usage
                .usage
                .saturating_sub(cache.copied().unwrap_or(0)),
            memory_limit: memory.usage.limit.min(memory_of_host()),
            block: (of("read"), of("write")),
            interfaces: live.pid.map(interfaces_of).unwrap_or_default(),
            network_limits: record.config.resources.network,
            pids: stats.pids.current,
        })
    }

    /// The names of the containers that run.
    ///
    /// # Errors
    /// As [`Engine::list`].
    pub fn running(&self) -> Result<Vec<String>, Error> {
        let list = self.list(false)?.into_iter();
        let list = list.filter(|(_, live)| matches!(live.status, Status::Running | Status::Paused));
        Ok(list.map(|(record, _)| record.id).collect())
    }
}

fn memory_of_host() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit))
}

/// The devices in the network namespace of a process; none when it has just ended.
fn interfaces_of(pid: i32) -> Vec<Interface> {
    let mut interfaces = network::interfaces(pid);
    interfaces.retain(|interface| interface.name != "lo");
    interfaces
}
