//! What a container sees of cgroups: with and without a namespace of its own, to read and to write.

use serde_json::json;

use super::machine::is_here;
use crate::bundle::Bundle;
use crate::harness::Wharf;

/// A bundle with the usual mount of cgroups, which can be written or not, and with or without a
/// cgroup namespace.
fn bundle(script: &str, options: &[&str], own: bool) -> Bundle {
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    let mounts = bundle.config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["destination"] != "/sys/fs/cgroup");
    mounts.push(json!({
        "destination": "/sys/fs/cgroup", "type": "cgroup2", "source": "cgroup",
        "options": options,
    }));
    let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != "cgroup");
    if own {
        namespaces.push(json!({"type": "cgroup"}));
    }
    bundle
}

#[test]
fn in_a_namespace_of_its_own_its_cgroup_is_the_root() {
    if !is_here() {
        return;
    }
    let script = "cat /proc/self/cgroup; grep -x 1 /sys/fs/cgroup/cgroup.procs; \
                  mkdir /sys/fs/cgroup/sub && echo made; rmdir /sys/fs/cgroup/sub";
    let writable = bundle(script, &["nosuid", "noexec", "nodev"], true);
    assert_eq!(writable.output(), "0::/\n1\nmade");
    writable.assert_nothing_left();
    let readonly = bundle(script, &["nosuid", "noexec", "nodev", "ro"], true);
    let outcome = readonly.run(&["run", "box"]);
    assert!(outcome.stderr.contains("Read-only"), "{outcome:?}");
    readonly.assert_nothing_left();
}

#[test]
fn in_the_hosts_namespace_the_paths_are_the_hosts() {
    if !is_here() {
        return;
    }
    let script = "path=$(cut -d: -f3 /proc/self/cgroup); echo $path; \
                  grep -x 1 /sys/fs/cgroup$path/cgroup.procs";
    let bundle = bundle(script, &["ro"], false);
    let name = bundle.words(&["box"]).concat();
    assert_eq!(bundle.output(), format!("/{name}\n1"));
    bundle.assert_nothing_left();
}

#[test]
fn groups_below_that_a_container_made_go_with_it() {
    if !is_here() {
        return;
    }
    let script =
        "cd /sys/fs/cgroup; mkdir -p a/b; echo $$ > a/b/cgroup.procs; cat /proc/self/cgroup";
    let bundle = bundle(script, &[], true);
    assert_eq!(bundle.output(), "0::/a/b");
    bundle.assert_nothing_left();
}

#[test]
fn dockers_words_choose_the_view() {
    if !is_here() {
        return;
    }
    let wharf = Wharf::new();
    let run = |options: &[&str]| {
        let program = ["host", "cat", "/proc/self/cgroup"];
        wharf.ok(&[&["run", "--rm"], options, &program].concat())
    };
    assert_eq!(run(&[]), "0::/");
    let hosts = run(&["--cgroupns", "host"]);
    assert!(hosts.starts_with("0::/system.slice/wharf-"), "{hosts}");
}
