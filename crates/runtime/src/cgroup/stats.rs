//! What a cgroup uses: the figures of every controller as one document. Its JSON is that of runc's
//! `events`, which containers' tools parse. Reading them is in `stats/v1.rs` and `stats/v2.rs`.

mod v1;
mod v2;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use serde::Serialize;

use super::{Cgroup, Error};

/// Everything that is counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// CPU time.
    pub cpu: Cpu,
    /// CPUs and memory nodes.
    pub cpuset: Cpuset,
    /// Memory.
    pub memory: Memory,
    /// Tasks.
    pub pids: Pids,
    /// Block devices.
    pub blkio: Blkio,
    /// Huge pages by their size.
    pub hugetlb: BTreeMap<String, Hugetlb>,
    /// Nothing is read of Intel's Resource Director Technology.
    pub intel_rdt: BTreeMap<String, String>,
    /// Always null, as with runc: a cgroup has no interfaces.
    pub network_interfaces: Option<Vec<String>>,
}

/// CPU time, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cpu {
    /// Time used.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: CpuUsage,
    /// Time waited for the quota.
    #[serde(skip_serializing_if = "is_default")]
    pub throttling: Throttling,
    /// Pressure (version 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Pressure>,
}

/// CPU time used.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CpuUsage {
    /// All of it.
    #[serde(skip_serializing_if = "is_default")]
    pub total: u64,
    /// By CPU (version 1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu: Vec<u64>,
    /// By CPU, in the kernel (version 1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu_kernel: Vec<u64>,
    /// By CPU, in user space (version 1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu_user: Vec<u64>,
    /// In the kernel.
    pub kernel: u64,
    /// In user space.
    pub user: u64,
}

/// How often and how long the quota stopped the tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttling {
    /// Periods in which a task was ready to run.
    #[serde(skip_serializing_if = "is_default")]
    pub periods: u64,
    /// Periods in which the quota was used up.
    #[serde(skip_serializing_if = "is_default")]
    pub throttled_periods: u64,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub throttled_time: u64,
}

/// Pressure: how long tasks waited for a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// At least one task waited.
    pub some: PressureLine,
    /// All tasks waited.
    pub full: PressureLine,
}

/// One line of a pressure file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PressureLine {
    /// Per cent of the last 10 seconds.
    pub avg10: f64,
    /// Per cent of the last minute.
    pub avg60: f64,
    /// Per cent of the last 5 minutes.
    pub avg300: f64,
    /// Microseconds.
    pub total: u64,
}

/// The settings of the cpuset controller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cpuset {
    /// CPUs that may be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u16>,
    /// 1 if no other group has these CPUs.
    pub cpu_exclusive: u64,
    /// Memory nodes that may be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mems: Vec<u16>,
    /// 1 if the kernel's own memory for the tasks comes from these nodes too.
    pub mem_hardwall: u64,
    /// 1 if no other group has these nodes.
    pub mem_exclusive: u64,
    /// 1 if memory moves when the nodes change.
    pub memory_migrate: u64,
    /// 1 if the page cache is spread over the nodes.
    pub memory_spread_page: u64,
    /// 1 if the kernel's caches are spread over the nodes.
    pub memory_spread_slab: u64,
    /// How hard memory is searched for.
    pub memory_pressure: u64,
    /// 1 if the scheduler balances over these CPUs.
    pub sched_load_balance: u64,
    /// How far the scheduler looks for a CPU.
    pub sched_relax_domain_level: i64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Memory {
    /// Page cache.
    #[serde(skip_serializing_if = "is_default")]
    pub cache: u64,
    /// Memory.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: MemoryEntry,
    /// Memory and swap together.
    #[serde(skip_serializing_if = "is_default")]
    pub swap: MemoryEntry,
    /// The kernel's memory (version 1).
    #[serde(skip_serializing_if = "is_default")]
    pub kernel: MemoryEntry,
    /// TCP buffers (version 1).
    #[serde(rename = "kernelTCP", skip_serializing_if = "is_default")]
    pub kernel_tcp: MemoryEntry,
    /// `memory.stat`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub raw: BTreeMap<String, u64>,
    /// Pressure (version 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Pressure>,
}

/// One kind of memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MemoryEntry {
    /// The limit; the largest number when there is none.
    pub limit: u64,
    /// Used now.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: u64,
    /// The most that was used.
    #[serde(skip_serializing_if = "is_default")]
    pub max: u64,
    /// How often the limit was met.
    pub failcnt: u64,
}

/// Tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pids {
    /// How many there are.
    #[serde(skip_serializing_if = "is_default")]
    pub current: u64,
    /// How many there may be; 0 when there is no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub limit: u64,
}

/// Block devices, in version 1's tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Blkio {
    /// Bytes moved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_service_bytes_recursive: Vec<BlkioEntry>,
    /// Requests served.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_serviced_recursive: Vec<BlkioEntry>,
    /// Requests waiting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_queue_recursive: Vec<BlkioEntry>,
    /// Time of service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_service_time_recursive: Vec<BlkioEntry>,
    /// Time waited.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_wait_time_recursive: Vec<BlkioEntry>,
    /// Requests merged into others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_merged_recursive: Vec<BlkioEntry>,
    /// Time on the device.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_time_recursive: Vec<BlkioEntry>,
    /// Sectors moved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sectors_recursive: Vec<BlkioEntry>,
    /// Pressure (version 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Pressure>,
}

/// One figure of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BlkioEntry {
    /// The device's major number.
    #[serde(skip_serializing_if = "is_default")]
    pub major: u64,
    /// The device's minor number.
    #[serde(skip_serializing_if = "is_default")]
    pub minor: u64,
    /// `Read`, `Write`, `Sync`, `Async`, `Discard` or `Total`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub op: String,
    /// The figure.
    #[serde(skip_serializing_if = "is_default")]
    pub value: u64,
}

/// Huge pages of one size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hugetlb {
    /// Bytes used now.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: u64,
    /// The most that was used (version 1).
    #[serde(skip_serializing_if = "is_default")]
    pub max: u64,
    /// How often the limit was met.
    pub failcnt: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Cgroup {
    /// Reads every figure that this host offers; what it does not is left at zero.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub fn stats(&self) -> Result<Stats, Error> {
        let mut stats = Stats::default();
        for (member, directory) in self.members() {
            let files = Files { directory };
            let read = match member.is_unified() {
                true => v2::read(&files, &mut stats),
                false => v1::read(&files, &member.controllers, &mut stats),
            };
            read.map_err(|errno| Error::io("reading the figures of", &member.path, errno))?;
        }
        Ok(stats)
    }
}

/// The files of one directory.
struct Files<'a> {
    directory: BorrowedFd<'a>,
}

impl Files<'_> {
    /// The text of a file; `None` where this host has no such file, or none that is switched on.
    fn text(&self, file: &str) -> Result<Option<String>, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = match openat(self.directory, file, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            fd => fd?,
        };
        match read_to_end(fd.as_fd()) {
            Err(Errno::OPNOTSUPP) => Ok(None),
            text => text.map(Some),
        }
    }

    /// A file with one number; `max` is the largest there is, a missing file is zero.
    fn number(&self, file: &str) -> Result<u64, Errno> {
        Ok(self.text(file)?.map_or(0, |text| number(&text)))
    }

    /// The lines `key value` of a file.
    fn pairs(&self, file: &str) -> Result<Vec<(String, u64)>, Errno> {
        let text = self.text(file)?.unwrap_or_default();
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs
            .map(|(key, value)| (key.to_owned(), number(value)))
            .collect())
    }

    /// A pressure file; `None` where the kernel counts none.
    fn pressure(&self, file: &str) -> Result<Option<Pressure>, Errno> {
        Ok(self.text(file)?.map(|text| pressure(&text)))
    }
}

fn read_to_end(file: BorrowedFd<'_>) -> Result<String, Errno> {
    let mut bytes = Vec::new();
    let mut block = [0u8; 4096];
    loop {
        match rustix::io::read(file, &mut block) {
            Ok(0) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(length) => bytes.extend_from_slice(block.get(..length).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn number(text: &str) -> u64 {
    match text.trim() {
        "max" => u64::MAX,
        digits => digits.parse().unwrap_or(0),
    }
}

fn pressure(text: &str) -> Pressure {
    let mut pressure = Pressure::default();
    for line in text.lines() {
        let mut words = line.split(' ');
        let into = match words.next() {
            Some("some") => &mut pressure.some,
            Some("full") => &mut pressure.full,
            _ => continue,
        };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let share = || value.parse().unwrap_or(0.0);
            match key {
                "avg10" => into.avg10 = share(),
                "avg60" => into.avg60 = share(),
                "avg300" => into.avg300 = share(),
                "total" => into.total = number(value),
                _ => {}
            }
        }
    }
    pressure
}

/// A list such as `0-3,7`, written out.
fn list(text: &str) -> Vec<u16> {
    let ranges = text.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?)
    });
    ranges.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_used_is_what_runc_prints_of_it() {
        let text = serde_json::to_string(&Stats::default()).unwrap();
        assert_eq!(
            text,
            r#"{"cpu":{},"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},"memory":{},"pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}"#
        );
    }

    #[test]
    fn lists_are_written_out() {
        assert_eq!(list("0-2,5\n"), [0, 1, 2, 5]);
        assert!(list("\n").is_empty());
    }

    #[test]
    fn pressure_has_two_lines() {
        let found = pressure(
            "some avg10=1.50 avg60=0.20 avg300=0.00 total=77\n\
             full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
        );
        assert_eq!(
            (found.some.avg10, found.some.total, found.full.total),
            (1.5, 77, 5)
        );
    }
}
