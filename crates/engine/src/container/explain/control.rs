//! The cgroup of a container: its directories, what was written there, and what is used.

use std::path::PathBuf;

use runtime::Record as RuntimeRecord;
use runtime::cgroup::{Cgroup, Pressure, Setting, Stats};
use serde::Serialize;
use spec::runtime::LinuxResources;

/// A cgroup.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Control {
    /// Its directory in each hierarchy.
    pub directories: Vec<Directory>,
    /// The scope of systemd that it is, if it is one.
    pub unit: Option<String>,
    /// The files that were written.
    pub settings: Vec<Setting>,
    /// The devices that may be used; `None` where a program in the kernel decides.
    pub devices: Option<Vec<String>>,
    /// What is used.
    pub used: Option<Use>,
}

/// A cgroup in one hierarchy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Directory {
    /// The controllers of version 1; none for version 2.
    pub controllers: Vec<String>,
    /// Where it is.
    pub path: PathBuf,
}

/// What is used of each resource, and how long tasks waited for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Use {
    /// Bytes of memory.
    pub memory: u64,
    /// The most that was used.
    pub memory_peak: u64,
    /// Tasks.
    pub pids: u64,
    /// Nanoseconds of processor time.
    pub cpu: u64,
    /// Periods in which the quota was used up.
    pub cpu_throttled_periods: u64,
    /// Bytes read from and written to block devices.
    pub block: [u64; 2],
    /// Pressure, where the kernel counts it.
    pub cpu_pressure: Option<Pressure>,
    /// Pressure of memory.
    pub memory_pressure: Option<Pressure>,
    /// Pressure of block devices.
    pub block_pressure: Option<Pressure>,
}

/// The cgroup of a running container that was given these limits.
pub(super) fn of(record: &RuntimeRecord, resources: &LinuxResources) -> Option<Control> {
    let cgroup = Cgroup::open(record.cgroup.as_ref()?).ok()?;
    let members = cgroup.paths().0.iter();
    let directories = members.map(|member| Directory {
        controllers: member.controllers.clone(),
        path: member.path.clone(),
    });
    Some(Control {
        directories: directories.collect(),
        unit: record.unit.as_ref().map(|unit| unit.name.clone()),
        settings: cgroup.settings(resources),
        devices: cgroup.device_list(),
        used: cgroup.stats().ok().map(|stats| used(&stats)),
    })
}

fn used(stats: &Stats) -> Use {
    let block = |op: &str| {
        let entries = stats.blkio.io_service_bytes_recursive.iter();
        let entries = entries.filter(|entry| entry.op.eq_ignore_ascii_case(op));
        entries.map(|entry| entry.value).sum()
    };
    Use {
        memory: stats.memory.usage.usage,
        memory_peak: stats.memory.usage.max,
        pids: stats.pids.current,
        cpu: stats.cpu.usage.total,
        cpu_throttled_periods: stats.cpu.throttling.throttled_periods,
        block: [block("read"), block("write")],
        cpu_pressure: stats.cpu.psi,
        memory_pressure: stats.memory.psi,
        block_pressure: stats.blkio.psi,
    }
}
