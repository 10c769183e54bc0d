//! `--systemd-cgroup`: a container as a scope of systemd's.

use serde_json::json;

use super::machine::{cgroup_of, execute, is_here, property, start, value};
use crate::bundle::Bundle;

const BY_SYSTEMD: &[&str] = &["--systemd-cgroup"];

/// A sleeper in a scope, and the scope's name.
fn sleeper(slice: &str) -> (Bundle, String) {
    let mut bundle = Bundle::new(&["sleep", "1000"]);
    let name = bundle.words(&["box"]).concat();
    bundle.config["linux"]["cgroupsPath"] = json!(format!("{slice}:p:{name}"));
    (bundle, format!("p-{name}.scope"))
}

#[test]
fn a_container_is_a_scope_in_its_slice_and_goes_with_it() {
    if !is_here() {
        return;
    }
    let (bundle, scope) = sleeper("machine-wharf-tests.slice");
    start(&bundle, BY_SYSTEMD);
    let cgroup = cgroup_of(&bundle.state("pid"));
    let slices = "/sys/fs/cgroup/machine.slice/machine-wharf.slice/machine-wharf-tests.slice";
    assert_eq!(cgroup, std::path::Path::new(slices).join(&scope));
    assert_eq!(property(&scope, "ActiveState"), "active");
    assert_eq!(property(&scope, "Slice"), "machine-wharf-tests.slice");
    assert_eq!(property(&scope, "Delegate"), "yes");
    let pids = std::fs::read_to_string(cgroup.join("cgroup.procs")).unwrap();
    assert_eq!(pids.trim(), bundle.state("pid").to_string());
    assert_eq!(
        bundle.ok(&["exec", "box", "cat", "/proc/self/cgroup"]),
        "0::/"
    );
    bundle.ok(&["delete", "-f", "box"]);
    assert_eq!(property(&scope, "LoadState"), "not-found");
    assert!(!cgroup.exists());
    bundle.assert_nothing_left();
}

#[test]
fn without_a_path_the_scope_is_in_the_slice_of_the_system() {
    if !is_here() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "1000"]);
    start(&bundle, BY_SYSTEMD);
    let name = format!("wharf-{}.scope", bundle.words(&["box"]).concat());
    let cgroup = cgroup_of(&bundle.state("pid"));
    assert_eq!(
        cgroup,
        std::path::Path::new("/sys/fs/cgroup/system.slice").join(&name)
    );
    bundle.ok(&["delete", "-f", "box"]);
    assert_eq!(property(&name, "LoadState"), "not-found");
}

#[test]
fn systemd_knows_the_limits_and_keeps_them() {
    if !is_here() {
        return;
    }
    let (mut bundle, scope) = sleeper("");
    bundle.config["linux"]["resources"] = json!({
        "memory": {"limit": 64 << 20, "swap": 128 << 20},
        "cpu": {"quota": 25_000, "period": 50_000, "cpus": "1", "shares": 512},
        "pids": {"limit": 30},
        "blockIO": {"weight": 300},
        "unified": {"memory.high": "50331648"},
        "devices": [{"allow": false, "access": "rwm"}],
    });
    start(&bundle, BY_SYSTEMD);
    let values = || {
        let files = [
            "memory.max",
            "memory.swap.max",
            "memory.high",
            "cpu.max",
            "cpu.weight",
        ];
        let rest = ["cpuset.cpus", "pids.max", "io.weight"];
        [&files[..], &rest]
            .concat()
            .iter()
            .map(|file| value(&bundle, file))
            .collect::<Vec<_>>()
    };
    let before = values();
    assert_eq!(
        before[..4],
        ["67108864", "67108864", "50331648", "25000 50000"]
    );
    assert_eq!(before[5..7], ["1", "30"]);
    assert_eq!(property(&scope, "MemoryMax"), "67108864");
    assert_eq!(property(&scope, "CPUQuotaPerSecUSec"), "500ms");
    assert_eq!(property(&scope, "TasksMax"), "30");
    assert_eq!(property(&scope, "AllowedCPUs"), "1");
    execute("systemctl", &["daemon-reload"]);
    // Makes systemd write all it knows.
    execute(
        "systemctl",
        &["set-property", "--runtime", &scope, "CPUAccounting=yes"],
    );
    assert_eq!(values(), before);
    assert!(
        bundle
            .run(&["exec", "box", "sh", "-c", ": < /dev/kmsg"])
            .code
            != 0
    );
    bundle.ok(&["delete", "-f", "box"]);
    assert_eq!(property(&scope, "LoadState"), "not-found");
}

#[test]
fn annotations_set_properties_of_the_scope() {
    if !is_here() {
        return;
    }
    let (mut bundle, scope) = sleeper("");
    bundle.config["annotations"] = json!({
        "org.systemd.property.TimeoutStopUSec": "uint64 7000000",
        "org.systemd.property.CollectMode": "'inactive'",
        "org.systemd.property.Description": "'a box'",
    });
    start(&bundle, BY_SYSTEMD);
    assert_eq!(property(&scope, "TimeoutStopUSec"), "7s");
    assert_eq!(property(&scope, "CollectMode"), "inactive");
    assert_eq!(property(&scope, "Description"), "a box");
    bundle.ok(&["delete", "-f", "box"]);
}

#[test]
fn what_systemd_refuses_is_said_and_leaves_nothing() {
    if !is_here() {
        return;
    }
    let refused = |change: fn(&mut Bundle)| {
        let (mut bundle, scope) = sleeper("");
        change(&mut bundle);
        let message = bundle.fails(&["--systemd-cgroup", "run", "box"]);
        assert_eq!(property(&scope, "LoadState"), "not-found");
        bundle.assert_nothing_left();
        message
    };
    let message = refused(|bundle| {
        bundle.config["annotations"] = json!({"org.systemd.property.Nonsense": "1"});
    });
    assert!(message.contains("Nonsense"), "{message}");
    let message = refused(|bundle| bundle.config["linux"]["cgroupsPath"] = json!("/a/b"));
    assert!(message.contains("slice:prefix:name"), "{message}");
    let message = refused(|bundle| bundle.config["process"]["args"] = json!(["no-such-program"]));
    assert!(message.contains("no-such-program"), "{message}");
    let message = refused(|bundle| {
        bundle.config["linux"]["resources"]["unified"] = json!({"memory.nothing": "1"});
    });
    assert!(message.contains("unified"), "{message}");
}

#[test]
fn a_scope_that_is_taken_is_not_shared() {
    if !is_here() {
        return;
    }
    let (first, scope) = sleeper("");
    start(&first, BY_SYSTEMD);
    let mut second = Bundle::new(&["true"]);
    second.config["linux"]["cgroupsPath"] = first.config["linux"]["cgroupsPath"].clone();
    let message = second.fails(&["--systemd-cgroup", "run", "box"]);
    assert!(
        message.contains(&scope) && message.contains("UnitExists"),
        "{message}"
    );
    assert_eq!(first.state("status"), "running");
    first.ok(&["delete", "-f", "box"]);
}
