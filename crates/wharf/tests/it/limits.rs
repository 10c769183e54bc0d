//! Limits: what the kernel is told, and what is refused for want of rights.

use crate::harness::{Wharf, is_root};

#[test]
fn memory_processors_and_tasks_are_limited_by_the_kernel() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let words = [
        "run",
        "-d",
        "--name",
        "web",
        "-m",
        "64m",
        "--cpus",
        "0.5",
        "--pids-limit",
        "20",
    ];
    let id = wharf.ok(&[&words[..], &["host", "sleep", "1000"]].concat());
    let read = |names: [&str; 2]| {
        crate::harness::cgroups_of(&id)
            .iter()
            .flat_map(|cgroup| names.map(|name| cgroup.join(name)))
            .find_map(|file| std::fs::read_to_string(file).ok())
            .unwrap()
    };
    assert_eq!(
        read(["memory.limit_in_bytes", "memory.max"]).trim(),
        (64 << 20).to_string()
    );
    assert!(read(["cpu.cfs_quota_us", "cpu.max"]).starts_with("50000"));
    assert_eq!(read(["pids.max", "pids.max"]).trim(), "20");
    let script = "for i in $(seq 30); do sleep 1000 & done";
    assert_ne!(wharf.run(&["exec", "web", "sh", "-c", script]).code, 0);
}

#[test]
fn a_limit_beyond_the_own_names_the_missing_right() {
    if !is_root() {
        return;
    }
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let host = rustix::thread::capabilities(None).unwrap().effective;
    let (Some(own), false) = (
        own,
        host.contains(rustix::thread::CapabilitySet::SYS_RESOURCE),
    ) else {
        println!("skipped: nothing is beyond the own limits here");
        return;
    };
    let wharf = Wharf::new();
    let limit = format!("nofile={}", own + 1);
    let (code, message) = wharf.fails(&["run", "--rm", "--ulimit", &limit, "host", "true"]);
    assert_eq!(code, 125);
    assert!(message.ends_with("needs CAP_SYS_RESOURCE"), "{message}");
    let limit = format!("nofile=100:{own}");
    let words = [
        "run",
        "--rm",
        "--ulimit",
        &limit,
        "host",
        "sh",
        "-c",
        "ulimit -n",
    ];
    assert_eq!(wharf.ok(&words), "100");
}
