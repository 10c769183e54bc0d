//! What was used in a cgroup over its whole life, which is asked once at its end: few files, and
//! quickly, since systemd removes an empty one.

use super::Cgroup;
use super::group::read_at;

/// What was used; `None` where this host does not count it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The most memory, in bytes.
    pub memory_peak: Option<u64>,
    /// Nanoseconds of processor time.
    pub cpu_time: Option<u64>,
    /// Bytes read from block devices.
    pub block_read: Option<u64>,
    /// Bytes written to block devices.
    pub block_written: Option<u64>,
}

impl Cgroup {
    /// What was used in it.
    pub fn totals(&self) -> Totals {
        let read = |controller: &str, v1: &str, v2: &str| {
            let (member, directory) = self.directory_of(controller)?;
            let file = if member.is_unified() { v2 } else { v1 };
            read_at(directory, file).ok()
        };
        let memory = read("memory", "memory.max_usage_in_bytes", "memory.peak");
        let cpu = read("cpuacct", "cpuacct.usage", "cpu.stat");
        let block = read(
            "blkio",
            "blkio.throttle.io_service_bytes_recursive",
            "io.stat",
        );
        let block = block.map(|text| moved(&text));
        Totals {
            memory_peak: memory.and_then(|text| number(&text)),
            cpu_time: cpu.and_then(|text| match text.strip_prefix("usage_usec ") {
                Some(rest) => number(rest.lines().next()?)?.checked_mul(1000),
                None => number(&text),
            }),
            block_read: block.map(|(read, _)| read),
            block_written: block.map(|(_, written)| written),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Bytes read and written: lines `8:0 Read 1` in version 1, `8:0 rbytes=1 wbytes=2` in version 2.
fn moved(text: &str) -> (u64, u64) {
    let mut sum = (0, 0);
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, operation, value] = words[..] {
            match operation {
                "Read" => sum.0 += number(value).unwrap_or(0),
                "Write" => sum.1 += number(value).unwrap_or(0),
                _ => {}
            }
        }
        for (key, value) in words.iter().filter_map(|word| word.split_once('=')) {
            match key {
                "rbytes" => sum.0 += number(value).unwrap_or(0),
                "wbytes" => sum.1 += number(value).unwrap_or(0),
                _ => {}
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn both_forms_are_summed_over_all_devices() {
        let v1 = "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\n9:0 Read 10\nTotal 13\n";
        assert_eq!(moved(v1), (11, 2));
        let v2 = "8:0 rbytes=1 wbytes=2 rios=7\n9:0 rbytes=10 wbytes=20 wios=1\n";
        assert_eq!(moved(v2), (11, 22));
        assert_eq!(moved(""), (0, 0));
    }
}
