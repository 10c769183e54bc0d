//! systemd over cgroup v1, with v2 beside it: a machine of its own, which has every v1 controller.

use std::path::PathBuf;

use serde_json::json;

use super::machine::{is_in, property, start};
use crate::bundle::Bundle;

fn v1(controller: &str, scope: &str, file: &str) -> String {
    let path = PathBuf::from("/sys/fs/cgroup").join(controller);
    let path = path.join("machine.slice").join(scope).join(file);
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim().to_owned()
}

#[test]
fn a_scope_of_systemd_is_in_every_hierarchy_and_limited_in_each() {
    if !is_in("hybrid") {
        return;
    }
    let mut bundle = Bundle::new(&["sleep", "1000"]);
    let name = bundle.words(&["box"]).concat();
    let scope = format!("p-{name}.scope");
    bundle.config["linux"]["cgroupsPath"] = json!(format!("machine.slice:p:{name}"));
    bundle.config["linux"]["resources"] = json!({
        "memory": {"limit": 64 << 20}, "pids": {"limit": 33},
        "cpu": {"shares": 512, "quota": 20_000, "period": 100_000},
        "network": {"classID": 0x10_0001, "priorities": [{"name": "lo", "priority": 3}]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 2 << 20}]});
    start(&bundle, &["--systemd-cgroup"]);
    for (key, expected) in [
        ("ActiveState", "active"),
        ("MemoryLimit", "67108864"),
        ("TasksMax", "33"),
        ("CPUShares", "512"),
        ("CPUQuotaPerSecUSec", "200ms"),
    ] {
        assert_eq!(property(&scope, key), expected, "{key}");
    }
    assert_eq!(
        v1("memory", &scope, "memory.limit_in_bytes"),
        (64 << 20).to_string()
    );
    assert_eq!(v1("pids", &scope, "pids.max"), "33");
    assert_eq!(v1("cpu", &scope, "cpu.cfs_quota_us"), "20000");
    assert_eq!(
        v1("net_cls", &scope, "net_cls.classid"),
        0x10_0001.to_string()
    );
    assert!(v1("net_prio", &scope, "net_prio.ifpriomap").contains("lo 3"));
    let huge = "hugetlb.2MB.limit_in_bytes";
    assert_eq!(v1("hugetlb", &scope, huge), (2 << 20).to_string());
    let pid = bundle.state("pid");
    let places = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let elsewhere: Vec<_> = places
        .lines()
        .filter(|line| !line.ends_with(&scope))
        .collect();
    assert_eq!(elsewhere, [""; 0]);
    bundle.ok(&["pause", "box"]);
    assert_eq!(bundle.state("status"), "paused");
    bundle.ok(&["resume", "box"]);
    bundle.end();
    assert_eq!(property(&scope, "LoadState"), "not-found");
}

#[test]
fn without_systemd_the_groups_are_made_by_hand() {
    if !is_in("hybrid") {
        return;
    }
    let mut bundle = Bundle::new(&["cat", "/sys/fs/cgroup/pids/pids.max"]);
    bundle.config["linux"]["resources"] = json!({"pids": {"limit": 33}});
    assert_eq!(bundle.output(), "33");
    bundle.assert_nothing_left();
}
