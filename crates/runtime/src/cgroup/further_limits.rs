//! The limits of controllers beside cpu, cpuset, memory and pids, as files and values: block I/O,
//! huge pages, classes and priorities of packets, RDMA. Pure; `limits.rs` writes them.
//!
//! Source: runtime-spec, config-linux.md "Block IO" to "RDMA"; the kernel's cgroup-v1 and cgroup-v2
//! documents.

use spec::runtime::{BlockIo, LinuxResources, Rdma, ThrottleDevice};

use super::limits::{Write, write};

const WEIGHT: &str = "linux.resources.blockIO.weight";
const LEAF_WEIGHT: &str = "linux.resources.blockIO.leafWeight";
const WEIGHT_DEVICE: &str = "linux.resources.blockIO.weightDevice";

/// What `resources` asks of these controllers. `is_v2` tells in which hierarchy a controller is, on
/// a hybrid host each in its own; `has`, whether its directory has a file: the weights' names
/// depend on the scheduler that the kernel was built with.
pub(super) fn writes(
    resources: &LinuxResources,
    is_v2: impl Fn(&str) -> bool,
    has: impl Fn(&str, &str) -> bool,
) -> Vec<Write> {
    let mut writes = match &resources.block_io {
        Some(block_io) if is_v2("blkio") => block_io_v2(block_io, has("io", "io.bfq.weight")),
        Some(block_io) => block_io_v1(block_io, has("blkio", "blkio.bfq.weight")),
        None => Vec::new(),
    };
    for limit in &resources.hugepage_limits {
        let suffix = if is_v2("hugetlb") {
            "max"
        } else {
            "limit_in_bytes"
        };
        let key = "linux.resources.hugepageLimits";
        let file = format!("hugetlb.{}.{suffix}", limit.page_size);
        writes.push(write(key, "hugetlb", &file, limit.limit));
        // What is reserved and never touched counts too, where the kernel can count it.
        let reserved = format!("hugetlb.{}.rsvd.{suffix}", limit.page_size);
        if has("hugetlb", &reserved) {
            writes.push(write(key, "hugetlb", &reserved, limit.limit));
        }
    }
    if let Some(network) = &resources.network {
        let class = network.class_id.filter(|class| *class > 0);
        writes.extend(class.map(|class| {
            let key = "linux.resources.network.classID";
            write(key, "net_cls", "net_cls.classid", class)
        }));
        writes.extend(network.priorities.iter().map(|entry| {
            let key = "linux.resources.network.priorities";
            let value = format!("{} {}", entry.name, entry.priority);
            write(key, "net_prio", "net_prio.ifpriomap", value)
        }));
    }
    writes.extend(resources.rdma.iter().map(|(device, limits)| {
        let value = format!("{device}{}", rdma(limits));
        write("linux.resources.rdma", "rdma", "rdma.max", value)
    }));
    writes
}

/// A weight of zero stands for none: Docker writes it always.
fn weighty(weight: Option<u16>) -> Option<u64> {
    weight.filter(|weight| *weight > 0).map(u64::from)
}

fn block_io_v1(block_io: &BlockIo, has_bfq: bool) -> Vec<Write> {
    let prefix = if has_bfq { "blkio.bfq" } else { "blkio" };
    let weight_file = format!("{prefix}.weight");
    let mut writes = Vec::new();
    let mut add = |key, file: &str, value: Option<String>| {
        writes.extend(value.map(|value| write(key, "blkio", file, value)));
    };
    let text = |weight: Option<u16>| weighty(weight).map(|weight| weight.to_string());
    add(WEIGHT, &weight_file, text(block_io.weight));
    add(LEAF_WEIGHT, "blkio.leaf_weight", text(block_io.leaf_weight));
    for device in &block_io.weight_device {
        let of_device = |weight| Some(format!("{}:{} {}", device.major, device.minor, weight?));
        let file = format!("{weight_file}_device");
        add(WEIGHT_DEVICE, &file, of_device(text(device.weight)));
        let file = "blkio.leaf_weight_device";
        add(WEIGHT_DEVICE, file, of_device(text(device.leaf_weight)));
    }
    for (key, list, name, _) in throttles(block_io) {
        for device in list {
            let file = format!("blkio.throttle.{name}_device");
            let ThrottleDevice { major, minor, rate } = device;
            add(key, &file, Some(format!("{major}:{minor} {rate}")));
        }
    }
    writes
}

fn block_io_v2(block_io: &BlockIo, has_bfq: bool) -> Vec<Write> {
    let (file, in_range): (&str, fn(u64) -> u64) = if has_bfq {
        ("io.bfq.weight", |weight| weight)
    } else {
        ("io.weight", weight_of_v1)
    };
    let mut writes = Vec::new();
    let weight = weighty(block_io.weight).map(in_range);
    writes.extend(weight.map(|weight| write(WEIGHT, "io", file, weight)));
    for device in &block_io.weight_device {
        let Some(weight) = weighty(device.weight).map(in_range) else {
            continue;
        };
        let value = format!("{}:{} {weight}", device.major, device.minor);
        writes.push(write(WEIGHT_DEVICE, "io", file, value));
    }
    for (key, list, _, name) in throttles(block_io) {
        for ThrottleDevice { major, minor, rate } in list {
            // v1 lifts a limit with zero.
            let rate = match rate {
                0 => "max".to_owned(),
                rate => rate.to_string(),
            };
            let value = format!("{major}:{minor} {name}={rate}");
            writes.push(write(key, "io", "io.max", value));
        }
    }
    writes
}

/// The weight (1 to 10,000) of v2 that stands for one (10 to 1,000) of v1, as runc has it.
fn weight_of_v1(weight: u64) -> u64 {
    1 + (weight.clamp(10, 1000) - 10) * 9_999 / 990
}

/// Each list of rates with its key, and its names in v1 and v2.
fn throttles(
    block_io: &BlockIo,
) -> [(&'static str, &[ThrottleDevice], &'static str, &'static str); 4] {
    [
        (
            "linux.resources.blockIO.throttleReadBpsDevice",
            &block_io.throttle_read_bps_device,
            "read_bps",
            "rbps",
        ),
        (
            "linux.resources.blockIO.throttleWriteBpsDevice",
            &block_io.throttle_write_bps_device,
            "write_bps",
            "wbps",
        ),
        (
            "linux.resources.blockIO.throttleReadIOPSDevice",
            &block_io.throttle_read_iops_device,
            "read_iops",
            "riops",
        ),
        (
            "linux.resources.blockIO.throttleWriteIOPSDevice",
            &block_io.throttle_write_iops_device,
            "write_iops",
            "wiops",
        ),
    ]
}

fn rdma(limits: &Rdma) -> String {
    let part = |name: &str, limit: Option<u32>| {
        limit.map_or_else(String::new, |limit| format!(" {name}={limit}"))
    };
    part("hca_handle", limits.hca_handles) + &part("hca_object", limits.hca_objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, v2: bool, has: bool) -> Vec<(String, String)> {
        let resources: LinuxResources = serde_json::from_str(text).unwrap();
        let writes = writes(&resources, |_| v2, |_, _| has);
        let pairs = writes.into_iter().map(|write| (write.file, write.value));
        pairs.collect()
    }

    fn pair(file: &str, value: &str) -> (String, String) {
        (file.to_owned(), value.to_owned())
    }

    const BLOCK_IO: &str = r#"{"blockIO": {"weight": 500, "weightDevice":
        [{"major": 8, "minor": 0, "weight": 10}], "throttleReadBpsDevice":
        [{"major": 8, "minor": 16, "rate": 1024}], "throttleWriteIOPSDevice":
        [{"major": 8, "minor": 16, "rate": 0}]}}"#;

    #[test]
    fn block_io_has_the_files_of_its_version_and_scheduler() {
        assert_eq!(
            of(BLOCK_IO, false, true),
            [
                pair("blkio.bfq.weight", "500"),
                pair("blkio.bfq.weight_device", "8:0 10"),
                pair("blkio.throttle.read_bps_device", "8:16 1024"),
                pair("blkio.throttle.write_iops_device", "8:16 0"),
            ]
        );
        assert_eq!(
            of(BLOCK_IO, true, false),
            [
                pair("io.weight", "4950"),
                pair("io.weight", "8:0 1"),
                pair("io.max", "8:16 rbps=1024"),
                pair("io.max", "8:16 wiops=max"),
            ]
        );
    }

    #[test]
    fn a_weight_of_zero_is_none() {
        assert_eq!(of(r#"{"blockIO": {"weight": 0}}"#, false, true), []);
    }

    #[test]
    fn the_other_controllers_have_their_own_files() {
        let text = r#"{"hugepageLimits": [{"pageSize": "2MB", "limit": 4096}],
            "network": {"classID": 7, "priorities": [{"name": "eth0", "priority": 3}]},
            "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 100}}}"#;
        assert_eq!(
            of(text, false, false),
            [
                pair("hugetlb.2MB.limit_in_bytes", "4096"),
                pair("net_cls.classid", "7"),
                pair("net_prio.ifpriomap", "eth0 3"),
                pair("rdma.max", "mlx5_1 hca_handle=3 hca_object=100"),
            ]
        );
        assert_eq!(of(text, true, false)[0], pair("hugetlb.2MB.max", "4096"));
    }
}
