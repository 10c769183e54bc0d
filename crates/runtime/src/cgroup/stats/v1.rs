//! The figures of the v1 controllers.
//!
//! Source: the kernel's documents on cgroup v1: cpuacct, cpusets, memory, blkio-controller,
//! hugetlb, pids.

use rustix::io::Errno;

use super::{Blkio, BlkioEntry, Cpuset, Files, Hugetlb, Memory, MemoryEntry, Stats, list};

/// Nanoseconds of one of the ticks in which `cpuacct.stat` counts: there are 100 a second on every
/// architecture.
const TICK: u64 = 10_000_000;

/// Adds what the controllers of one hierarchy have counted.
pub(super) fn read(
    files: &Files<'_>,
    controllers: &[String],
    stats: &mut Stats,
) -> Result<(), Errno> {
    for controller in controllers {
        match controller.as_str() {
            "cpu" => throttling(files, stats)?,
            "cpuacct" => usage(files, stats)?,
            "cpuset" => stats.cpuset = cpuset(files)?,
            "memory" => stats.memory = memory(files)?,
            "pids" => {
                stats.pids.current = files.number("pids.current")?;
                stats.pids.limit = super::v2::pids_limit(files)?;
            }
            "blkio" => stats.blkio = blkio(files)?,
            "hugetlb" => hugetlb(files, stats)?,
            _ => {}
        }
    }
    Ok(())
}

fn throttling(files: &Files<'_>, stats: &mut Stats) -> Result<(), Errno> {
    for (key, value) in files.pairs("cpu.stat")? {
        match key.as_str() {
            "nr_periods" => stats.cpu.throttling.periods = value,
            "nr_throttled" => stats.cpu.throttling.throttled_periods = value,
            "throttled_time" => stats.cpu.throttling.throttled_time = value,
            _ => {}
        }
    }
    Ok(())
}

fn usage(files: &Files<'_>, stats: &mut Stats) -> Result<(), Errno> {
    let usage = &mut stats.cpu.usage;
    usage.total = files.number("cpuacct.usage")?;
    for (key, value) in files.pairs("cpuacct.stat")? {
        match key.as_str() {
            "user" => usage.user = value.saturating_mul(TICK),
            "system" => usage.kernel = value.saturating_mul(TICK),
            _ => {}
        }
    }
    let text = files.text("cpuacct.usage_percpu")?.unwrap_or_default();
    usage.percpu = text.split_whitespace().map(super::number).collect();
    let text = files.text("cpuacct.usage_all")?.unwrap_or_default();
    // A heading, then a line for each CPU: its number, user, system.
    for line in text.lines().skip(1) {
        let mut words = line.split_whitespace().skip(1).map(super::number);
        if let (Some(user), Some(kernel)) = (words.next(), words.next()) {
            usage.percpu_user.push(user);
            usage.percpu_kernel.push(kernel);
        }
    }
    Ok(())
}

fn cpuset(files: &Files<'_>) -> Result<Cpuset, Errno> {
    let level = files.text("cpuset.sched_relax_domain_level")?;
    Ok(Cpuset {
        cpus: list(&files.text("cpuset.cpus")?.unwrap_or_default()),
        cpu_exclusive: files.number("cpuset.cpu_exclusive")?,
        mems: list(&files.text("cpuset.mems")?.unwrap_or_default()),
        mem_hardwall: files.number("cpuset.mem_hardwall")?,
        mem_exclusive: files.number("cpuset.mem_exclusive")?,
        memory_migrate: files.number("cpuset.memory_migrate")?,
        memory_spread_page: files.number("cpuset.memory_spread_page")?,
        memory_spread_slab: files.number("cpuset.memory_spread_slab")?,
        memory_pressure: files.number("cpuset.memory_pressure")?,
        sched_load_balance: files.number("cpuset.sched_load_balance")?,
        sched_relax_domain_level: level.and_then(|text| text.trim().parse().ok()).unwrap_or(0),
    })
}

fn memory(files: &Files<'_>) -> Result<Memory, Errno> {
    let raw = files.pairs("memory.stat")?;
    let cache = raw.iter().find(|(key, _)| key == "cache");
    Ok(Memory {
        cache: cache.map_or(0, |(_, value)| *value),
        usage: memory_entry(files, "memory")?,
        swap: memory_entry(files, "memory.memsw")?,
        kernel: memory_entry(files, "memory.kmem")?,
        kernel_tcp: memory_entry(files, "memory.kmem.tcp")?,
        raw: raw.into_iter().collect(),
        psi: None,
    })
}

fn memory_entry(files: &Files<'_>, prefix: &str) -> Result<MemoryEntry, Errno> {
    let read = |name: &str| files.number(&format!("{prefix}.{name}"));
    Ok(MemoryEntry {
        limit: read("limit_in_bytes")?,
        usage: read("usage_in_bytes")?,
        max: read("max_usage_in_bytes")?,
        failcnt: read("failcnt")?,
    })
}

/// The BFQ scheduler counts most, then the throttling layer, which all devices have.
fn blkio(files: &Files<'_>) -> Result<Blkio, Errno> {
    let mut found = Blkio::default();
    for prefix in ["blkio.bfq", "blkio"] {
        let read = |name: &str| entries(files, &format!("{prefix}.{name}_recursive"));
        found = Blkio {
            io_service_bytes_recursive: read("io_service_bytes")?,
            io_serviced_recursive: read("io_serviced")?,
            io_queue_recursive: read("io_queued")?,
            io_service_time_recursive: read("io_service_time")?,
            io_wait_time_recursive: read("io_wait_time")?,
            io_merged_recursive: read("io_merged")?,
            io_time_recursive: read("time")?,
            sectors_recursive: read("sectors")?,
            psi: None,
        };
        if !found.io_serviced_recursive.is_empty() {
            return Ok(found);
        }
    }
    for suffix in ["_recursive", ""] {
        let read = |name: &str| entries(files, &format!("blkio.throttle.{name}{suffix}"));
        found.io_service_bytes_recursive = read("io_service_bytes")?;
        found.io_serviced_recursive = read("io_serviced")?;
        if !found.io_serviced_recursive.is_empty() {
            break;
        }
    }
    Ok(found)
}

fn entries(files: &Files<'_>, file: &str) -> Result<Vec<BlkioEntry>, Errno> {
    let text = files.text(file)?.unwrap_or_default();
    Ok(text.lines().filter_map(entry).collect())
}

/// `8:0 Read 4096`, or without the operation; the line of the total has no device.
fn entry(line: &str) -> Option<BlkioEntry> {
    let mut words = line.split_whitespace();
    let (major, minor) = words.next()?.split_once(':')?;
    let (first, second) = (words.next()?, words.next());
    let (op, value) = second.map_or(("", first), |value| (first, value));
    Some(BlkioEntry {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
        op: op.to_owned(),
        value: value.parse().ok()?,
    })
}

fn hugetlb(files: &Files<'_>, stats: &mut Stats) -> Result<(), Errno> {
    for size in super::v2::page_sizes() {
        let read = |name: &str| files.number(&format!("hugetlb.{size}.{name}"));
        let pages = Hugetlb {
            usage: read("usage_in_bytes")?,
            max: read("max_usage_in_bytes")?,
            failcnt: read("failcnt")?,
        };
        stats.hugetlb.insert(size, pages);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_device_may_name_the_operation() {
        let read = entry("8:16 Read 4096").unwrap();
        assert_eq!(
            (read.major, read.minor, read.op.as_str(), read.value),
            (8, 16, "Read", 4096)
        );
        assert_eq!(entry("8:16 7").unwrap().value, 7);
        assert_eq!(entry("Total 4096"), None);
    }
}
