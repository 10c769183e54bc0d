//! Properties of `process` and of what concerns a process alone: scheduling, io priority, memory
//! policy, execution domain, security labels, capabilities, home, and those of one more process.

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::harness::is_root;

/// A bundle with a changed configuration.
fn bundle(script: &str, change: impl FnOnce(&mut Value)) -> Bundle {
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    change(&mut bundle.config);
    bundle
}

/// The fields of /proc/PID/stat after the name.
const STAT: &str = "sed 's/.*) //' /proc/self/stat";

#[test]
fn the_scheduler_is_the_one_that_is_asked_for() {
    if !is_root() {
        return;
    }
    // Fields 19 (nice), 40 (real-time priority) and 41 (policy); the state is field 3.
    let script = format!("{STAT} | cut -d' ' -f17,38,39; ionice -p $$");
    let bundle = bundle(&script, |config| {
        config["process"]["scheduler"] = json!({"policy": "SCHED_BATCH", "nice": 7});
        config["process"]["ioPriority"] = json!({"class": "IOPRIO_CLASS_BE", "priority": 6});
    });
    assert_eq!(bundle.output(), "7 0 3\nbest-effort: prio 6");
    let idle = self::bundle("ionice -p $$", |config| {
        config["process"]["scheduler"] = json!({"policy": "SCHED_IDLE"});
        config["process"]["ioPriority"] = json!({"class": "IOPRIO_CLASS_IDLE", "priority": 0});
    });
    assert_eq!(idle.output(), "idle");
}

/// Where real-time run time is shared out by cgroups, one without any takes no such process.
#[test]
fn a_realtime_policy_is_set_or_refused_with_the_reason() {
    if !is_root() {
        return;
    }
    let script = format!("{STAT} | cut -d' ' -f38,39");
    let bundle = bundle(&script, |config| {
        config["process"]["scheduler"] = json!({"policy": "SCHED_RR", "priority": 5,
            "flags": ["SCHED_FLAG_RESET_ON_FORK"]});
    });
    let outcome = bundle.run(&["run", "box"]);
    match outcome.code {
        // sed is a child of the shell, which is reset.
        0 => assert_eq!(outcome.stdout.trim(), "0 0"),
        _ => assert!(outcome.stderr.contains("process.scheduler"), "{outcome:?}"),
    }
    bundle.assert_nothing_left();
}

#[test]
fn a_user_namespace_does_not_take_the_right_to_schedule() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", &format!("{STAT} | cut -d' ' -f17")]);
    bundle.with_user_namespace();
    bundle.config["process"]["scheduler"] = json!({"policy": "SCHED_OTHER", "nice": -5});
    assert_eq!(bundle.output(), "-5");
}

#[test]
fn memory_policy_and_execution_domain_are_taken_on() {
    if !is_root() {
        return;
    }
    let bundle = bundle("uname -m; cat /proc/self/numa_maps | head -1", |config| {
        config["linux"]["personality"] = json!({"domain": "LINUX32"});
        config["linux"]["memoryPolicy"] = json!({"mode": "MPOL_BIND", "nodes": "0"});
    });
    let outcome = bundle.run(&["run", "box"]);
    if outcome.stderr.contains("NUMA") {
        println!("skipped: this kernel has no NUMA");
        return;
    }
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_ne!(lines[0], std::env::consts::ARCH, "{outcome:?}");
    assert!(lines[1].contains("bind:0"), "{outcome:?}");
}

#[test]
fn one_more_process_runs_on_the_processors_that_it_names() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "1000"]);
    bundle.create();
    bundle.ok(&["start", "box"]);
    let last = std::thread::available_parallelism().unwrap().get() - 1;
    let script = "grep Cpus_allowed_list /proc/self/status | cut -f2";
    let process = json!({"args": ["sh", "-c", script], "cwd": "/", "env": ["PATH=/usr/bin"],
        "user": {"uid": 0, "gid": 0},
        "execCPUAffinity": {"initial": "0", "final": last.to_string()}});
    std::fs::write(bundle.path("process.json"), process.to_string()).unwrap();
    let allowed = bundle.ok(&["exec", "--process", "process.json", "box"]);
    assert_eq!(allowed, last.to_string());
    bundle.ok(&["delete", "--force", "box"]);
}

/// The caller's own processors are the caller's business, as with runc and crun.
#[test]
fn a_container_runs_on_all_processors_of_its_cgroup() {
    if !is_root() {
        return;
    }
    let bundle = bundle("grep Cpus_allowed_list /proc/self/status | cut -f2", |_| {});
    let all = bundle.output();
    if !all.contains(['-', ',']) {
        println!("skipped: this machine has one processor");
        return;
    }
    let command = bundle.command();
    let mut pinned = std::process::Command::new("taskset");
    pinned.args(["-c", "0"]).arg(command.get_program());
    pinned.args(command.get_args());
    pinned.args(bundle.words(&["run", "box"]));
    let output = pinned.current_dir(bundle.path("")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), all);
}

#[test]
fn security_labels_need_their_module() {
    if !is_root() {
        return;
    }
    let modules = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    for (module, key) in [("apparmor", "apparmorProfile"), ("selinux", "selinuxLabel")] {
        if modules.contains(module) {
            println!("skipped: {module} is there");
            continue;
        }
        let bundle = bundle("true", |config| {
            config["process"][key] = json!("some_label")
        });
        let message = bundle.fails(&["run", "box"]);
        assert!(message.contains(key), "{message}");
        bundle.assert_nothing_left();
    }
}

#[test]
fn what_is_no_capability_is_told_and_left_out() {
    if !is_root() {
        return;
    }
    let script = "grep CapBnd /proc/self/status | cut -f2";
    let bundle = bundle(script, |config| {
        config["process"]["capabilities"]["bounding"] = json!(["CAP_FLY", "CAP_KILL"]);
    });
    let outcome = bundle.run(&["run", "box"]);
    assert_eq!(outcome.stdout.trim_start_matches('0').trim(), "20");
    assert!(outcome.stderr.contains("CAP_FLY"), "{outcome:?}");
}

#[test]
fn a_process_without_a_home_gets_the_one_of_its_user() {
    if !is_root() {
        return;
    }
    let bundle = bundle("echo $HOME", |config| {
        config["process"]["user"] = json!({"uid": 7, "gid": 7});
    });
    std::fs::create_dir(bundle.path("rootfs/etc")).unwrap();
    let passwd = "root:x:0:0::/root:/bin/sh\nseven:x:7:7::/home/seven:/bin/sh\n";
    std::fs::write(bundle.path("rootfs/etc/passwd"), passwd).unwrap();
    assert_eq!(bundle.output(), "/home/seven");
}

#[test]
fn values_that_cannot_be_are_refused_by_key() {
    if !is_root() {
        return;
    }
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 5] = [
        ("process.scheduler.policy", |c| {
            c["process"]["scheduler"] = json!({"policy": "SCHED_FAST"})
        }),
        ("process.scheduler.priority", |c| {
            c["process"]["scheduler"] = json!({"policy": "SCHED_OTHER", "priority": 3})
        }),
        ("process.ioPriority.priority", |c| {
            c["process"]["ioPriority"] = json!({"class": "IOPRIO_CLASS_BE", "priority": 8})
        }),
        ("linux.memoryPolicy.nodes", |c| {
            c["linux"]["memoryPolicy"] = json!({"mode": "MPOL_BIND", "nodes": "a"})
        }),
        ("linux.personality.domain", |c| {
            c["linux"]["personality"] = json!({"domain": "SOLARIS"})
        }),
    ];
    for (key, change) in cases {
        let bundle = bundle("true", change);
        let message = bundle.fails(&["run", "box"]);
        assert!(message.contains(key), "{key}: {message}");
        bundle.assert_nothing_left();
    }
}
