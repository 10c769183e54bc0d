//! `wharf oci kill` and `delete`: whom a signal reaches, and containers that are half gone.

use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::is_root;

fn has_ended(pid: &serde_json::Value) -> bool {
    // One that nobody has waited for yet still has an entry.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn a_container_in_the_hosts_pid_namespace_is_killed_whole() {
    if !is_root() {
        return;
    }
    for verb in [&["kill", "box", "KILL"][..], &["delete", "--force", "box"]] {
        let mut bundle = Bundle::new(&["sleep", "1000"]);
        let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != "pid");
        bundle.create();
        bundle.ok(&["start", "box"]);
        let mut command = bundle.command();
        let null = std::process::Stdio::null;
        command.stdin(null()).stdout(null()).stderr(null());
        let words = bundle.words(&["exec", "-d", "--pid-file", "pid", "box", "sleep", "1000"]);
        assert!(command.args(words).status().unwrap().success());
        let left = json!(
            std::fs::read_to_string(bundle.path("pid"))
                .unwrap()
                .parse::<i32>()
                .unwrap()
        );
        // Its init ends, and nobody with it.
        let init = bundle.state("pid");
        let pid = rustix::process::Pid::from_raw(i32::try_from(init.as_i64().unwrap()).unwrap());
        rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::KILL).unwrap();
        while bundle.state("status") != "stopped" {}
        assert!(!has_ended(&left));
        bundle.ok(verb);
        while !has_ended(&left) {}
        bundle.end();
    }
}

/// As below `docker exec`, or a CI system that starts its jobs so.
#[test]
fn a_session_from_outside_the_pid_namespace_does_not_stop_a_run() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["echo", "there"]);
    let options = ["--pid", "--fork", "--mount-proc"];
    let session = "test $(ps -o sid= -p $$) = 0";
    let outcome = bundle.run_unshared(&options, [session, ":"], &["run", "box"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.stdout, "there\n", "{outcome:?}");
    bundle.end();
}

#[test]
fn a_killed_container_ends_even_when_it_is_paused() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    bundle.ok(&["pause", "box"]);
    bundle.ok(&["kill", "box", "KILL"]);
    while bundle.state("status") != "stopped" {}
    let refused = bundle.fails(&["kill", "box", "0"]);
    assert!(refused.contains("container not running"), "{refused}");
    bundle.ok(&["kill", "--all", "box", "0"]);
    bundle.end();
}

#[test]
fn a_cgroup_that_is_frozen_or_in_use_is_refused() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    let path = bundle.words(&["/", "box"]).concat();
    let mut second = Bundle::new(&["true"]);
    second.config["linux"]["cgroupsPath"] = json!(path);
    let refused = second.fails(&["run", "box"]);
    assert!(
        refused.contains("container's cgroup is not empty"),
        "{refused}"
    );
    bundle.end();
    let freezers = [
        ("/sys/fs/cgroup/freezer", "freezer.state", "FROZEN"),
        ("/sys/fs/cgroup/unified", "cgroup.freeze", "1"),
        ("/sys/fs/cgroup", "cgroup.freeze", "1"),
    ];
    let mut tried = 0;
    for (mount, file, state) in freezers {
        let directory = std::path::PathBuf::from(format!("{mount}{path}"));
        if std::fs::create_dir(&directory).is_err() {
            continue;
        }
        let file = directory.join(file);
        if file.exists() && std::fs::write(file, state).is_ok() {
            let refused = second.fails(&["run", "box"]);
            assert!(
                refused.contains("container's cgroup unexpectedly frozen"),
                "{refused}"
            );
            tried += 1;
        }
        std::fs::remove_dir(directory).unwrap();
        let others = crate::harness::cgroups_of(path.trim_start_matches('/'));
        assert!(others.is_empty(), "{others:?}");
    }
    assert!(tried > 0, "no freezer at all");
    second.assert_nothing_left();
}

#[test]
fn a_container_that_waits_for_its_start_ends_when_it_is_asked_to() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "1000"]);
    bundle.create();
    bundle.ok(&["kill", "box", "TERM"]);
    while bundle.state("status") != "stopped" {}
    assert!(bundle.fails(&["start", "box"]).contains("has stopped"));
    bundle.end();
}
