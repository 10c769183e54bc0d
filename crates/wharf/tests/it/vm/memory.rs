//! Memory on cgroup v2, by what the kernel does.

use serde_json::json;

use super::machine::{count, is_here, start, value};
use crate::bundle::Bundle;
use crate::harness::Wharf;

/// Takes this much memory at once: a line is kept whole.
fn taking(size: &str) -> String {
    format!("head -c {size} /dev/zero | tail | wc -c")
}

#[test]
fn who_takes_more_than_its_memory_is_killed_and_it_is_told() {
    if !is_here() {
        return;
    }
    let wharf = Wharf::new();
    let limit = ["run", "--name", "web", "-m", "24m", "--memory-swap", "24m"];
    let script = format!("{}; exit 3", taking("32m"));
    let words = [&limit[..], &["host", "sh", "-c", &script]].concat();
    let outcome = wharf.run(&words);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (3, "0\n"),
        "{outcome:?}"
    );
    assert_eq!(wharf.inspect("web", "/State/OOMKilled"), json!(true));
}

#[test]
fn swap_is_counted_beside_memory() {
    if !is_here() {
        return;
    }
    let wharf = Wharf::new();
    let limit = ["run", "--rm", "-m", "24m", "--memory-swap", "96m"];
    let script = taking("32m");
    let words = [&limit[..], &["host", "sh", "-c", &script]].concat();
    assert_eq!(wharf.ok(&words), (32 << 20).to_string());
}

#[test]
fn above_memory_high_the_kernel_takes_memory_back() {
    if !is_here() {
        return;
    }
    let script = format!("{}; cat /sys/fs/cgroup/memory.events", taking("24m"));
    let mut bundle = Bundle::new(&["sh", "-c", &script]);
    bundle.config["linux"]["resources"]["unified"] = json!({"memory.high": "16777216"});
    let output = bundle.output();
    assert!(count(&output, "high") > 0, "{output}");
    assert_eq!(count(&output, "oom_kill"), 0, "{output}");
    bundle.assert_nothing_left();
}

#[test]
fn a_limit_below_what_is_used_is_refused_when_that_is_asked_for() {
    if !is_here() {
        return;
    }
    let script = "head -c 32m /dev/zero > /dev/shm/taken; echo ready; exec sleep 1000";
    let bundle = Bundle::new(&["sh", "-c", script]);
    start(&bundle, &[]);
    while value(&bundle, "memory.current").parse::<u64>().unwrap() < 32 << 20 {}
    let update = |limit: u64| {
        let memory = json!({"memory": {"limit": limit, "checkBeforeUpdate": true}});
        std::fs::write(bundle.path("limits"), memory.to_string()).unwrap();
        bundle.run(&["update", "--resources", "limits", "box"])
    };
    let refused = update(16 << 20);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.stderr.contains("in use"), "{refused:?}");
    assert_eq!(value(&bundle, "memory.max"), "max");
    let taken = update(256 << 20);
    assert_eq!(taken.code, 0, "{taken:?}");
    assert_eq!(value(&bundle, "memory.max"), (256 << 20).to_string());
    bundle.end();
}
