//! Limits: from the resources of `config.json` to the files that say so, for v1 and v2. Pure but
//! for [`apply`].
//!
//! Source: runtime-spec, config-linux.md "Control groups"; the kernel's cgroup-v1 and cgroup-v2
//! documents.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use spec::runtime::{Cpu, LinuxResources, Memory};

use super::group::{Member, has_file, read_at, write_at};
use super::{Cgroup, Error, further_limits, unset};

/// One value for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    key: &'static str,
    pub(super) controller: &'static str,
    pub(super) file: String,
    pub(super) value: String,
}

pub(super) fn write(
    key: &'static str,
    controller: &'static str,
    file: &str,
    value: impl ToString,
) -> Write {
    Write {
        key,
        controller,
        file: file.to_owned(),
        value: value.to_string(),
    }
}

/// Whether anything but the device rules that everybody writes is asked for.
pub(super) fn are_asked(resources: &LinuxResources) -> bool {
    let limited = LinuxResources {
        devices: Vec::new(),
        ..resources.clone()
    };
    limited != LinuxResources::default()
}

/// Writes every limit of `resources`.
///
/// # Errors
/// [`Error::Unsupported`], [`Error::NoController`], [`Error::NoFile`], or [`Error::Limit`] with the kernel's answer.
pub(super) fn apply(cgroup: &Cgroup, resources: &LinuxResources) -> Result<(), Error> {
    let resources = &unset::without(resources);
    check_memory(cgroup, resources)?;
    if is_v2(cgroup, "memory") {
        refuse_on_v2(resources)?;
    }
    set_all(cgroup, writes(cgroup, resources))
}

/// What is written to which files of a cgroup for `resources`.
pub(super) fn writes(cgroup: &Cgroup, resources: &LinuxResources) -> Vec<Write> {
    let mut writes = match is_v2(cgroup, "memory") {
        true => for_v2(resources, &current_quota(cgroup)),
        false => for_v1(resources),
    };
    let has = |controller: &str, file: &str| {
        let directory = cgroup.directory_of(controller);
        directory.is_some_and(|(_, directory)| has_file(directory, file))
    };
    let further = further_limits::writes(resources, |of| is_v2(cgroup, of), has);
    writes.extend(further);
    for (file, value) in &resources.unified {
        writes.push(write("linux.resources.unified", "unified", file, value));
    }
    writes
}

fn is_v2(cgroup: &Cgroup, controller: &str) -> bool {
    let directory = cgroup.directory_of(controller);
    directory.is_some_and(|(member, _)| member.is_unified())
}

/// Some values bound each other (memory and swap, quota and period), and which must go first depends
/// on what was there: what the kernel finds invalid is tried again once others are in place.
fn set_all(cgroup: &Cgroup, mut pending: Vec<Write>) -> Result<(), Error> {
    while !pending.is_empty() {
        let before = pending.len();
        let mut first_error = None;
        let mut refused = Vec::new();
        for write in pending {
            match set(cgroup, &write) {
                Ok(()) => {}
                Err(error) if error.may_be_order() => {
                    first_error = first_error.or(Some(error));
                    refused.push(write);
                }
                Err(error) => return Err(error),
            }
        }
        match first_error {
            Some(error) if refused.len() == before => return Err(error),
            _ => pending = refused,
        }
    }
    Ok(())
}

/// The files and values that say what is limited, in one version's words, also for who has other
/// words for them.
pub(super) fn values(resources: &LinuxResources, v2: bool) -> Vec<(String, String)> {
    let mut writes = if v2 {
        for_v2(resources, "max")
    } else {
        for_v1(resources)
    };
    writes.extend(further_limits::writes(resources, |_| v2, |_, _| false));
    let named = writes.into_iter().map(|write| (write.file, write.value));
    let unified = resources.unified.iter();
    named
        .chain(unified.map(|(file, value)| (file.clone(), value.clone())))
        .collect()
}

/// Whether a group that lacks a file has the controller nevertheless.
fn has_controller(member: &Member, directory: BorrowedFd<'_>, controller: &str) -> bool {
    !member.is_unified()
        || read_at(directory, "cgroup.controllers")
            .is_ok_and(|names| names.split_whitespace().any(|name| name == controller))
}

fn set(cgroup: &Cgroup, write: &Write) -> Result<(), Error> {
    let Write {
        key,
        controller,
        file,
        value,
    } = write;
    let missing = || Error::NoController { key, controller };
    let (member, directory) = cgroup.directory_of(controller).ok_or_else(missing)?;
    match write_at(directory, file, value) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) if has_controller(member, directory, controller) => Err(Error::NoFile {
            key,
            controller,
            file: file.clone(),
        }),
        Err(Errno::NOENT) => Err(missing()),
        Err(errno) => Err(Error::Limit {
            file: file.clone(),
            value: value.clone(),
            source: errno.into(),
        }),
    }
}

/// What is no file of any kernel: children count to their parents always, and whether a limit is above
/// the use is for v2 to be asked first, since the kernel would kill.
fn check_memory(cgroup: &Cgroup, resources: &LinuxResources) -> Result<(), Error> {
    let Some(memory) = &resources.memory else {
        return Ok(());
    };
    if memory.use_hierarchy == Some(false) {
        let key = "linux.resources.memory.useHierarchy false";
        return Err(Error::Unsupported {
            key: format!("{key} (Linux counts children to their parents since 5.11)"),
        });
    }
    let (Some(true), Some(limit)) = (memory.check_before_update, memory.limit) else {
        return Ok(());
    };
    let current = cgroup
        .directory_of("memory")
        .and_then(|(_, directory)| read_at(directory, "memory.current").ok())
        .and_then(|text| text.trim().parse::<i64>().ok());
    match current {
        Some(current) if limit >= 0 && current > limit => Err(Error::Limit {
            file: "memory.max".to_owned(),
            value: format!("{limit} (less than the {current} in use)"),
            source: Errno::BUSY.into(),
        }),
        _ => Ok(()),
    }
}

/// What only v1 has.
fn refuse_on_v2(resources: &LinuxResources) -> Result<(), Error> {
    let memory = resources.memory.as_ref();
    let cpu = resources.cpu.as_ref();
    let network = resources.network.as_ref();
    let asked = [
        (
            "linux.resources.memory.kernel",
            memory.is_some_and(|m| m.kernel.or(m.kernel_tcp).is_some()),
        ),
        (
            "linux.resources.memory.disableOOMKiller",
            memory.is_some_and(|m| m.disable_oom_killer == Some(true)),
        ),
        (
            "linux.resources.memory.swappiness",
            memory.is_some_and(|m| m.swappiness.is_some()),
        ),
        (
            "linux.resources.cpu.realtimeRuntime",
            cpu.is_some_and(|c| c.realtime_runtime.is_some() || c.realtime_period.is_some()),
        ),
        (
            "linux.resources.network",
            network.is_some_and(|n| n.class_id.is_some() || !n.priorities.is_empty()),
        ),
    ];
    match asked.iter().find(|(_, is_asked)| *is_asked) {
        Some((key, _)) => Err(Error::Unsupported {
            key: format!("{key} on cgroup v2"),
        }),
        None => Ok(()),
    }
}

fn for_v1(resources: &LinuxResources) -> Vec<Write> {
    let mut writes = Vec::new();
    if let Some(memory) = &resources.memory {
        memory_v1(memory, &mut writes);
    }
    if let Some(cpu) = &resources.cpu {
        let mut cpu_write = |key, file: &str, value: Option<String>| {
            writes.extend(value.map(|value| write(key, "cpu", file, value)));
        };
        let text = |value: Option<u64>| value.map(|value| value.to_string());
        cpu_write("linux.resources.cpu.shares", "cpu.shares", text(cpu.shares));
        cpu_write(
            "linux.resources.cpu.period",
            "cpu.cfs_period_us",
            text(cpu.period),
        );
        let quota = cpu.quota.map(|quota| quota.to_string());
        cpu_write("linux.resources.cpu.quota", "cpu.cfs_quota_us", quota);
        cpu_write(
            "linux.resources.cpu.burst",
            "cpu.cfs_burst_us",
            text(cpu.burst),
        );
        let signed = |value: Option<i64>| value.map(|value| value.to_string());
        cpu_write("linux.resources.cpu.idle", "cpu.idle", signed(cpu.idle));
        // Neither must exceed the other on the way.
        cpu_write(
            "linux.resources.cpu.realtimePeriod",
            "cpu.rt_period_us",
            text(cpu.realtime_period),
        );
        cpu_write(
            "linux.resources.cpu.realtimeRuntime",
            "cpu.rt_runtime_us",
            signed(cpu.realtime_runtime),
        );
        cpusets(cpu, &mut writes);
    }
    pids(resources, &mut writes);
    writes
}

/// The limit of memory and swap together may never be below that of memory: raising from "no
/// limit", memory goes first.
fn memory_v1(memory: &Memory, writes: &mut Vec<Write>) {
    let files = [
        (
            "linux.resources.memory.limit",
            "memory.limit_in_bytes",
            memory.limit,
        ),
        (
            "linux.resources.memory.swap",
            "memory.memsw.limit_in_bytes",
            memory.swap,
        ),
        (
            "linux.resources.memory.reservation",
            "memory.soft_limit_in_bytes",
            memory.reservation,
        ),
        (
            "linux.resources.memory.kernel",
            "memory.kmem.limit_in_bytes",
            memory.kernel,
        ),
        (
            "linux.resources.memory.kernelTCP",
            "memory.kmem.tcp.limit_in_bytes",
            memory.kernel_tcp,
        ),
    ];
    for (key, file, value) in files {
        writes.extend(value.map(|value| write(key, "memory", file, value)));
    }
    if let Some(swappiness) = memory.swappiness {
        let key = "linux.resources.memory.swappiness";
        writes.push(write(key, "memory", "memory.swappiness", swappiness));
    }
    if memory.disable_oom_killer == Some(true) {
        let key = "linux.resources.memory.disableOOMKiller";
        writes.push(write(key, "memory", "memory.oom_control", 1));
    }
}

/// The quota of v2 as it stands, which is written together with a new period.
fn current_quota(cgroup: &Cgroup) -> String {
    let text = cgroup
        .directory_of("cpu")
        .and_then(|(_, directory)| read_at(directory, "cpu.max").ok());
    let word = text
        .as_deref()
        .and_then(|text| text.split_whitespace().next());
    word.unwrap_or("max").to_owned()
}

fn for_v2(resources: &LinuxResources, current_quota: &str) -> Vec<Write> {
    let mut writes = Vec::new();
    if let Some(memory) = &resources.memory {
        memory_v2(memory, &mut writes);
    }
    if let Some(cpu) = &resources.cpu {
        cpu_v2(cpu, current_quota, &mut writes);
        cpusets(cpu, &mut writes);
    }
    pids(resources, &mut writes);
    writes
}

fn memory_v2(memory: &Memory, writes: &mut Vec<Write>) {
    let or_max = |value: i64| {
        if value < 0 {
            "max".to_owned()
        } else {
            value.to_string()
        }
    };
    if let Some(limit) = memory.limit {
        writes.push(write(
            "linux.resources.memory.limit",
            "memory",
            "memory.max",
            or_max(limit),
        ));
    }
    // v1 counts memory and swap together, v2 swap alone.
    if let Some(swap) = memory.swap {
        let alone = match memory.limit {
            Some(limit) if swap >= 0 && limit >= 0 => swap.saturating_sub(limit).max(0),
            _ => swap,
        };
        let value = or_max(alone);
        writes.push(write(
            "linux.resources.memory.swap",
            "memory",
            "memory.swap.max",
            value,
        ));
    }
    if let Some(reservation) = memory.reservation {
        let value = or_max(reservation);
        writes.push(write(
            "linux.resources.memory.reservation",
            "memory",
            "memory.low",
            value,
        ));
    }
}

fn cpu_v2(cpu: &Cpu, current_quota: &str, writes: &mut Vec<Write>) {
    if let Some(shares) = cpu.shares.filter(|shares| *shares > 0) {
        let weight = weight_of_shares(shares);
        writes.push(write(
            "linux.resources.cpu.shares",
            "cpu",
            "cpu.weight",
            weight,
        ));
    }
    if cpu.quota.is_some() || cpu.period.is_some() {
        let quota = match cpu.quota {
            Some(quota) if quota > 0 => quota.to_string(),
            Some(_) => "max".to_owned(),
            None => current_quota.to_owned(),
        };
        // A quota alone leaves the period as it is.
        let period = cpu.period.map(|period| format!(" {period}"));
        let value = quota + &period.unwrap_or_default();
        writes.push(write("linux.resources.cpu.quota", "cpu", "cpu.max", value));
    }
    if let Some(burst) = cpu.burst {
        writes.push(write(
            "linux.resources.cpu.burst",
            "cpu",
            "cpu.max.burst",
            burst,
        ));
    }
    if let Some(idle) = cpu.idle {
        writes.push(write("linux.resources.cpu.idle", "cpu", "cpu.idle", idle));
    }
}

/// The weight (1 to 10,000) that stands for shares (2 to 262,144), as the specification has it.
fn weight_of_shares(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

fn cpusets(cpu: &Cpu, writes: &mut Vec<Write>) {
    let lists = [
        ("linux.resources.cpu.cpus", "cpuset.cpus", &cpu.cpus),
        ("linux.resources.cpu.mems", "cpuset.mems", &cpu.mems),
    ];
    for (key, file, list) in lists {
        writes.extend(list.as_ref().map(|list| write(key, "cpuset", file, list)));
    }
}

/// Below zero means no limit. The kernel takes a limit of zero, which even a container's own init
/// would not keep; runc and systemd make it one.
fn pids(resources: &LinuxResources, writes: &mut Vec<Write>) {
    if let Some(limit) = resources.pids.as_ref().and_then(|pids| pids.limit) {
        let value = if limit < 0 {
            "max".to_owned()
        } else {
            limit.max(1).to_string()
        };
        writes.push(write(
            "linux.resources.pids.limit",
            "pids",
            "pids.max",
            value,
        ));
    }
}

#[cfg(test)]
mod tests {
    use spec::runtime::Pids;

    use super::*;

    fn resources() -> LinuxResources {
        LinuxResources {
            memory: Some(Memory {
                limit: Some(64 << 20),
                swap: Some(128 << 20),
                ..Memory::default()
            }),
            cpu: Some(Cpu {
                shares: Some(1024),
                quota: Some(50_000),
                period: Some(100_000),
                ..Cpu::default()
            }),
            pids: Some(Pids { limit: Some(20) }),
            ..LinuxResources::default()
        }
    }

    fn pairs(writes: &[Write]) -> Vec<(&str, &str)> {
        writes
            .iter()
            .map(|w| (w.file.as_str(), w.value.as_str()))
            .collect()
    }

    #[test]
    fn v1_gets_the_values_as_they_are() {
        assert_eq!(
            pairs(&for_v1(&resources())),
            [
                ("memory.limit_in_bytes", "67108864"),
                ("memory.memsw.limit_in_bytes", "134217728"),
                ("cpu.shares", "1024"),
                ("cpu.cfs_period_us", "100000"),
                ("cpu.cfs_quota_us", "50000"),
                ("pids.max", "20"),
            ]
        );
    }

    #[test]
    fn v2_counts_swap_alone_and_has_weights() {
        assert_eq!(
            pairs(&for_v2(&resources(), "max")),
            [
                ("memory.max", "67108864"),
                ("memory.swap.max", "67108864"),
                ("cpu.weight", "39"),
                ("cpu.max", "50000 100000"),
                ("pids.max", "20"),
            ]
        );
    }

    #[test]
    fn weights_span_their_range() {
        assert_eq!(
            (weight_of_shares(2), weight_of_shares(262_144)),
            (1, 10_000)
        );
    }

    #[test]
    fn device_rules_alone_ask_for_no_limit() {
        let rule = spec::runtime::DeviceRule::default();
        let resources = LinuxResources {
            devices: vec![rule],
            ..LinuxResources::default()
        };
        assert!(!are_asked(&resources));
    }
}
