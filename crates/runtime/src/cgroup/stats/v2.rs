//! The figures of v2, put into v1's tables where their readers look for them.
//!
//! Source: the kernel's document on cgroup v2.

use rustix::io::Errno;

use super::{BlkioEntry, Files, Hugetlb, MemoryEntry, Stats};

/// Adds what the controllers that are switched on have counted. On a hybrid host these are those
/// without a v1 hierarchy.
pub(super) fn read(files: &Files<'_>, stats: &mut Stats) -> Result<(), Errno> {
    cpu(files, stats)?;
    if files.text("memory.current")?.is_some() {
        memory(files, stats)?;
    }
    if files.text("pids.current")?.is_some() {
        stats.pids.current = files.number("pids.current")?;
        stats.pids.limit = pids_limit(files)?;
    }
    if let Some(text) = files.text("io.stat")? {
        io(&text, stats);
        stats.blkio.psi = files.pressure("io.pressure")?;
    }
    hugetlb(files, stats)
}

/// A limit of tasks, where 0 stands for none.
pub(super) fn pids_limit(files: &Files<'_>) -> Result<u64, Errno> {
    let limit = files.number("pids.max")?;
    Ok(if limit == u64::MAX { 0 } else { limit })
}

/// The sizes of huge pages as cgroup files name them: `2MB`, `1GB`.
pub(super) fn page_sizes() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/sys/kernel/mm/hugepages") else {
        return Vec::new();
    };
    let sizes = entries.flatten().filter_map(|entry| {
        let name = entry.file_name();
        let kib = name
            .to_str()?
            .strip_prefix("hugepages-")?
            .strip_suffix("kB")?;
        Some(size_name(kib.parse().ok()?))
    });
    sizes.collect()
}

fn size_name(kib: u64) -> String {
    match kib {
        _ if kib >= 1 << 20 => format!("{}GB", kib >> 20),
        _ if kib >= 1 << 10 => format!("{}MB", kib >> 10),
        _ => format!("{kib}KB"),
    }
}

/// Microseconds become nanoseconds. `cpu.stat` is there without the controller too, with the
/// times only, which on a hybrid host v1 has counted already.
fn cpu(files: &Files<'_>, stats: &mut Stats) -> Result<(), Errno> {
    if stats.cpu.usage.total != 0 {
        return Ok(());
    }
    for (key, value) in files.pairs("cpu.stat")? {
        let nanoseconds = value.saturating_mul(1000);
        match key.as_str() {
            "usage_usec" => stats.cpu.usage.total = nanoseconds,
            "user_usec" => stats.cpu.usage.user = nanoseconds,
            "system_usec" => stats.cpu.usage.kernel = nanoseconds,
            "nr_periods" => stats.cpu.throttling.periods = value,
            "nr_throttled" => stats.cpu.throttling.throttled_periods = value,
            "throttled_usec" => stats.cpu.throttling.throttled_time = nanoseconds,
            _ => {}
        }
    }
    stats.cpu.psi = files.pressure("cpu.pressure")?;
    Ok(())
}

fn memory(files: &Files<'_>, stats: &mut Stats) -> Result<(), Errno> {
    let memory = &mut stats.memory;
    memory.raw = files.pairs("memory.stat")?.into_iter().collect();
    memory.cache = memory.raw.get("file").copied().unwrap_or(0);
    let entry = |prefix: &str| -> Result<MemoryEntry, Errno> {
        let read = |name: &str| files.number(&format!("{prefix}.{name}"));
        Ok(MemoryEntry {
            limit: read("max")?,
            usage: read("current")?,
            max: read("peak")?,
            failcnt: 0,
        })
    };
    memory.usage = entry("memory")?;
    // v1 counts memory and swap together, v2 swap alone.
    let swap = entry("memory.swap")?;
    memory.swap = MemoryEntry {
        limit: swap.limit.saturating_add(memory.usage.limit),
        usage: swap.usage.saturating_add(memory.usage.usage),
        max: 0,
        failcnt: 0,
    };
    memory.psi = files.pressure("memory.pressure")?;
    Ok(())
}

/// `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …`.
fn io(text: &str, stats: &mut Stats) {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let device = words.next().and_then(|word| word.split_once(':'));
        let Some((Ok(major), Ok(minor))) = device.map(|(a, b)| (a.parse(), b.parse())) else {
            continue;
        };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let (table, op) = match key {
                "rbytes" => (&mut stats.blkio.io_service_bytes_recursive, "Read"),
                "wbytes" => (&mut stats.blkio.io_service_bytes_recursive, "Write"),
                "rios" => (&mut stats.blkio.io_serviced_recursive, "Read"),
                "wios" => (&mut stats.blkio.io_serviced_recursive, "Write"),
                _ => continue,
            };
            table.push(BlkioEntry {
                major,
                minor,
                op: op.to_owned(),
                value: super::number(value),
            });
        }
    }
}

fn hugetlb(files: &Files<'_>, stats: &mut Stats) -> Result<(), Errno> {
    for size in page_sizes() {
        let Some(current) = files.text(&format!("hugetlb.{size}.current"))? else {
            continue;
        };
        let events = files.pairs(&format!("hugetlb.{size}.events"))?;
        let failcnt = events.iter().find(|(key, _)| key == "max");
        let pages = Hugetlb {
            usage: super::number(&current),
            max: 0,
            failcnt: failcnt.map_or(0, |(_, count)| *count),
        };
        stats.hugetlb.insert(size, pages);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_goes_into_the_tables_of_v1() {
        let mut stats = Stats::default();
        io(
            "8:0 rbytes=4096 wbytes=1 rios=2 wios=3 dbytes=0 dios=0\n7:0\n",
            &mut stats,
        );
        let bytes: Vec<_> = stats
            .blkio
            .io_service_bytes_recursive
            .iter()
            .map(|e| e.value)
            .collect();
        let served: Vec<_> = stats
            .blkio
            .io_serviced_recursive
            .iter()
            .map(|e| e.value)
            .collect();
        assert_eq!((bytes, served), (vec![4096, 1], vec![2, 3]));
    }

    #[test]
    fn sizes_are_named_as_the_files_are() {
        assert_eq!(
            (size_name(2048), size_name(1 << 20), size_name(64)),
            ("2MB".into(), "1GB".into(), "64KB".into())
        );
    }
}
