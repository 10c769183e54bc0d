//! `wharf oci update` and `events`: limits that change, and figures that show it.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::harness::is_root;

/// A file of the container's cgroup, by its v1 or its v2 name.
fn value(bundle: &Bundle, controller: &str, v1: &str, v2: &str) -> String {
    let directory = bundle.cgroup(controller).unwrap();
    let v1 = directory.join(v1);
    let path = if v1.exists() { v1 } else { directory.join(v2) };
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}

fn memory(bundle: &Bundle) -> String {
    value(bundle, "memory", "memory.limit_in_bytes", "memory.max")
}

#[test]
fn limits_are_changed_by_flags_and_by_a_document() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sleep", "1000"]);
    bundle.config["linux"]["resources"] = json!({"memory": {"limit": 33_554_432},
        "cpu": {"quota": 500_000, "period": 1_000_000}, "pids": {"limit": 20}});
    bundle.create();
    bundle.ok(&["update", "box", "--memory", "50M", "--pids-limit", "-1"]);
    assert_eq!(memory(&bundle), "52428800");
    assert_eq!(value(&bundle, "pids", "pids.max", "pids.max"), "max");
    // Half of what stood is more than the new period, so the order of the two matters.
    bundle.ok(&[
        "update",
        "--cpu-period",
        "10000",
        "--cpu-quota",
        "5000",
        "box",
    ]);
    let quota = || {
        let quota = value(&bundle, "cpu", "cpu.cfs_quota_us", "cpu.max");
        quota.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(quota(), "5000");
    bundle.ok(&["update", "--cpu-period", "100000", "box"]);
    assert_eq!(quota(), "5000");
    let document = json!({"memory": {"limit": 67_108_864}, "pids": {"limit": 7}}).to_string();
    let mut command = bundle.command();
    command
        .args(bundle.words(&["update", "-r", "-", "box"]))
        .stdin(Stdio::piped());
    let mut update = command.spawn().unwrap();
    update
        .stdin
        .take()
        .unwrap()
        .write_all(document.as_bytes())
        .unwrap();
    assert!(update.wait().unwrap().success());
    assert_eq!(memory(&bundle), "67108864");
    assert_eq!(value(&bundle, "pids", "pids.max", "pids.max"), "7");
    bundle.end();
}

#[test]
fn memory_and_swap_move_up_and_down_in_one_go() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    let directory = bundle.cgroup("memory").unwrap();
    let (v1, v2) = ("memory.memsw.limit_in_bytes", "memory.swap.max");
    if !directory.join(v1).exists() && !directory.join(v2).exists() {
        println!("skipped: the kernel counts no swap");
        return bundle.end();
    }
    for (limit, swap) in [("30M", "50M"), ("60M", "80M"), ("20M", "40M")] {
        bundle.ok(&["update", "--memory", limit, "--memory-swap", swap, "box"]);
        let mib = |text: &str| text.trim_end_matches('M').parse::<u64>().unwrap() << 20;
        assert_eq!(memory(&bundle), mib(limit).to_string());
        let together = if directory.join(v1).exists() {
            mib(swap)
        } else {
            mib(swap) - mib(limit)
        };
        assert_eq!(value(&bundle, "memory", v1, v2), together.to_string());
    }
    bundle.ok(&["update", "--memory", "-1", "box"]);
    assert_ne!(memory(&bundle), (20 << 20).to_string());
    assert_ne!(value(&bundle, "memory", v1, v2), (40 << 20).to_string());
    bundle.end();
}

#[test]
fn what_cannot_be_changed_is_refused() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    std::fs::write(bundle.path("limits"), r#"{"devices": [{"allow": true}]}"#).unwrap();
    assert!(
        bundle
            .fails(&["update", "-r", "limits", "box"])
            .contains("device")
    );
    assert!(
        bundle
            .fails(&["update", "--l3-cache-schema", "L3:0=f", "box"])
            .contains("RDT")
    );
    assert!(
        bundle
            .fails(&["update", "--memory", "much", "box"])
            .contains("much")
    );
    bundle.ok(&["kill", "box", "KILL"]);
    while bundle.state("status") != "stopped" {}
    assert!(
        bundle
            .fails(&["update", "--memory", "50M", "box"])
            .contains("not running")
    );
    assert!(
        bundle
            .fails(&["events", "--stats", "box"])
            .contains("not running")
    );
    bundle.end();
}

#[test]
fn the_figures_are_those_of_the_container() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&[
        "sh",
        "-c",
        "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 1000",
    ]);
    bundle.config["linux"]["resources"] =
        json!({"memory": {"limit": 33_554_432}, "pids": {"limit": 20}});
    bundle.create();
    bundle.ok(&["start", "box"]);
    let stats =
        || -> Value { serde_json::from_str(&bundle.ok(&["events", "--stats", "box"])).unwrap() };
    while stats()["data"]["cpu"]["usage"]["total"]
        .as_u64()
        .unwrap_or(0)
        < 10_000_000
    {}
    let event = stats();
    assert_eq!(
        (&event["type"], &event["id"]),
        (&json!("stats"), &json!(bundle.words(&["box"])[0]))
    );
    let data = &event["data"];
    assert_eq!(data["memory"]["usage"]["limit"], 33_554_432);
    assert!(data["memory"]["usage"]["usage"].as_u64().unwrap() > 0);
    assert!(data["memory"]["raw"].as_object().unwrap().len() > 10);
    assert_eq!(data["pids"]["limit"], 20);
    assert!(data["pids"]["current"].as_u64().unwrap() >= 1);
    bundle.end();
}

#[test]
fn events_tell_of_figures_and_of_kills_until_the_container_ends() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sleep", "1000"]);
    bundle.config["linux"]["resources"] =
        json!({"memory": {"limit": 16_777_216, "swap": 16_777_216}});
    bundle.create();
    bundle.ok(&["start", "box"]);
    let mut command = bundle.command();
    command.args(bundle.words(&["events", "--interval", "20ms", "box"]));
    let mut events = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(events.stdout.take().unwrap()).lines();
    let mut next = || {
        lines
            .next()
            .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
    };
    assert_eq!(next().unwrap()["type"], "stats");
    let hog = bundle.run(&[
        "exec",
        "box",
        "sh",
        "-c",
        "head -c 100000000 /dev/zero | tail",
    ]);
    assert_ne!(hog.code, 0);
    let oom = std::iter::from_fn(&mut next)
        .find(|event| event["type"] == "oom")
        .unwrap();
    assert_eq!(oom, json!({"type": "oom", "id": bundle.words(&["box"])[0]}));
    bundle.end();
    while next().is_some() {}
    assert!(events.wait().unwrap().success());
}

#[test]
fn a_cpuset_above_that_nobody_filled_is_filled() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    let mount = std::path::Path::new("/sys/fs/cgroup/cpuset");
    if !mount.exists() {
        println!("skipped: no cpuset hierarchy of v1");
        return;
    }
    let above = format!("{}-above", bundle.words(&["box"])[0]);
    std::fs::create_dir(mount.join(&above)).unwrap();
    bundle.config["linux"]["cgroupsPath"] = json!(format!("/{above}/below"));
    bundle.output();
    for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        let _ = std::fs::remove_dir(hierarchy.path().join(&above));
    }
    bundle.assert_nothing_left();
}
