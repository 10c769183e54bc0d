//! The other controllers of cgroup v2: processors, tasks, disks, huge pages, and whatever
//! `unified` names.

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use rustix::fs::{major, minor};
use serde_json::{Value, json};

use super::machine::{count, is_here, start, value};
use crate::bundle::Bundle;

/// A bundle with these resources.
fn bundle(args: &[&str], resources: Value) -> Bundle {
    let mut bundle = Bundle::new(args);
    bundle.config["linux"]["resources"] = resources;
    bundle
}

/// The disk of the machine's root.
fn disk() -> (u32, u32) {
    let device = std::fs::metadata("/dev/vda").unwrap().rdev();
    (major(device), minor(device))
}

#[test]
fn a_quota_of_time_throttles() {
    if !is_here() {
        return;
    }
    let script = "timeout 1 sh -c 'while :; do :; done'; cat /sys/fs/cgroup/cpu.stat";
    let cpu = json!({"cpu": {"quota": 10_000, "period": 100_000}});
    let bundle = bundle(&["sh", "-c", script], cpu);
    let output = bundle.output();
    assert!(count(&output, "nr_throttled") > 0, "{output}");
    bundle.assert_nothing_left();
}

#[test]
fn weights_idleness_and_bursts_reach_the_kernel() {
    if !is_here() {
        return;
    }
    let cpu = json!({"shares": 2048, "quota": 50_000, "burst": 10_000});
    let resources = json!({"cpu": cpu, "blockIO": {"weight": 500}});
    let weighted = bundle(&["sleep", "1000"], resources);
    start(&weighted, &[]);
    let weight: u32 = value(&weighted, "cpu.weight").parse().unwrap();
    assert!((60..200).contains(&weight), "{weight}");
    assert_eq!(value(&weighted, "cpu.max"), "50000 100000");
    assert_eq!(value(&weighted, "cpu.max.burst"), "10000");
    assert_ne!(value(&weighted, "io.weight"), "default 100");
    weighted.ok(&["delete", "-f", "box"]);
    let idle = bundle(&["sleep", "1000"], json!({"cpu": {"idle": 1}}));
    start(&idle, &[]);
    assert_eq!(value(&idle, "cpu.idle"), "1");
    idle.ok(&["delete", "-f", "box"]);
    idle.assert_nothing_left();
}

#[test]
fn a_container_has_the_processors_it_is_given() {
    if !is_here() {
        return;
    }
    let bundle = bundle(&["nproc"], json!({"cpu": {"cpus": "1", "mems": "0"}}));
    assert_eq!(bundle.output(), "1");
    bundle.assert_nothing_left();
}

#[test]
fn no_more_tasks_than_allowed() {
    if !is_here() {
        return;
    }
    let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; true";
    let bundle = bundle(&["sh", "-c", script], json!({"pids": {"limit": 5}}));
    assert!(bundle.fails(&["run", "box"]).contains("fork"));
    bundle.assert_nothing_left();
}

#[test]
fn a_disk_is_written_no_faster_than_allowed() {
    if !is_here() {
        return;
    }
    let (major, minor) = disk();
    let rate = json!([{"major": major, "minor": minor, "rate": 2 << 20}]);
    let script = "dd if=/dev/zero of=/disk/file bs=1M count=6 oflag=direct 2>/dev/null";
    let resources = json!({"blockIO": {"throttleWriteBpsDevice": rate}});
    let mut bundle = bundle(&["sh", "-c", script], resources);
    let directory = bundle.path("disk");
    std::fs::create_dir(&directory).unwrap();
    bundle.config["mounts"].as_array_mut().unwrap().push(json!({
        "destination": "/disk", "type": "bind", "source": directory, "options": ["bind"],
    }));
    let began = Instant::now();
    bundle.output();
    // 6 MiB at 2 MiB a second; the kernel lets a little through at once.
    assert!(began.elapsed() > Duration::from_secs(2));
    bundle.assert_nothing_left();
}

#[test]
fn huge_pages_beyond_the_limit_are_refused() {
    if !is_here() {
        return;
    }
    std::fs::write("/proc/sys/vm/nr_hugepages", "4").unwrap();
    // MAP_PRIVATE, MAP_ANONYMOUS, MAP_HUGETLB. The second is refused when it is asked for, or when
    // it is touched.
    let script = "import mmap\n\
                  for number in ('one', 'two'):\n    \
                      page = mmap.mmap(-1, 2 << 20, flags=0x40022)\n    \
                      page[0] = 1\n    \
                      print(number, flush=True)\n    \
                      globals()[number] = page";
    let limit = json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 2 << 20}]});
    let bundle = bundle(&["python3", "-c", script], limit);
    let outcome = bundle.run(&["run", "box"]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.stdout, "one\n", "{outcome:?}");
    bundle.assert_nothing_left();
}

#[test]
fn what_the_kernel_does_not_have_is_an_error_that_names_it() {
    if !is_here() {
        return;
    }
    let cases = [
        (json!({"rdma": {"mlx5_9": {"hcaHandles": 3}}}), "rdma.max"),
        (json!({"unified": {"memory.nothing": "1"}}), "unified"),
        (json!({"memory": {"swappiness": 10}}), "swappiness"),
        (json!({"cpu": {"cpus": "77"}}), "cpuset.cpus"),
        (
            json!({"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]}),
            "hugetlb.3MB.max, which the hugetlb controller",
        ),
    ];
    for (resources, expected) in cases {
        let bundle = bundle(&["true"], resources);
        let message = bundle.fails(&["run", "box"]);
        assert!(message.contains(expected), "{expected}: {message}");
        bundle.assert_nothing_left();
    }
}

#[test]
fn files_of_unified_are_written_as_they_are() {
    if !is_here() {
        return;
    }
    let files = json!({"pids.max": "7", "memory.low": "1048576", "memory.oom.group": "1"});
    let bundle = bundle(&["sleep", "1000"], json!({"unified": files}));
    start(&bundle, &[]);
    assert_eq!(value(&bundle, "pids.max"), "7");
    assert_eq!(value(&bundle, "memory.low"), "1048576");
    assert_eq!(value(&bundle, "memory.oom.group"), "1");
    bundle.ok(&["delete", "-f", "box"]);
    bundle.assert_nothing_left();
}

#[test]
fn a_frozen_container_stands_still_and_can_be_killed() {
    if !is_here() {
        return;
    }
    let bundle = Bundle::new(&["sh", "-c", "sleep 1000 & sleep 1000 & wait"]);
    start(&bundle, &[]);
    bundle.ok(&["pause", "box"]);
    assert_eq!(count(&value(&bundle, "cgroup.events"), "frozen"), 1);
    assert_eq!(bundle.state("status"), "paused");
    bundle.ok(&["resume", "box"]);
    assert_eq!(count(&value(&bundle, "cgroup.events"), "frozen"), 0);
    bundle.ok(&["pause", "box"]);
    bundle.ok(&["delete", "-f", "box"]);
    bundle.assert_nothing_left();
}

/// Whoever reserves huge pages is told at once; the limit of those in use would kill him later.
#[test]
fn huge_pages_are_counted_when_they_are_reserved() {
    if !is_here() {
        return;
    }
    std::fs::write("/proc/sys/vm/nr_hugepages", "4").unwrap();
    let there = std::fs::read_to_string("/proc/sys/vm/nr_hugepages").unwrap();
    // mmap of so many MiB, private, anonymous and of huge pages, that nobody touches.
    let script = "for m in 2 4; do perl -e 'exit(syscall(9, 0, shift() << 20, 3, 0x40022, -1, 0) \
                  == -1)' $m && echo $m; done; cat /sys/fs/cgroup/hugetlb.2MB.rsvd.max";
    let limits = json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 2 << 20}]});
    let limited = bundle(&["sh", "-c", script], limits);
    let output = limited.output();
    std::fs::write("/proc/sys/vm/nr_hugepages", "0").unwrap();
    assert_eq!(there.trim(), "4", "the machine has too little memory");
    assert_eq!(output, format!("2\n{}", 2 << 20));
    limited.assert_nothing_left();
}
