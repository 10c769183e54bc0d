//! `wharf oci exec`: which process it becomes, where it goes, and what is refused.

use std::process::Stdio;

use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::is_root;

#[test]
fn a_program_that_cannot_be_run_ends_with_255() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    let outcome = bundle.run(&["exec", "box", "no-such-program"]);
    assert_eq!(outcome.code, 255);
    assert!(outcome.stderr.contains("exec failed"), "{outcome:?}");
    assert!(outcome.stderr.contains("not found in $PATH"), "{outcome:?}");
    assert_eq!(bundle.run(&["exec", "box", "sh", "-c", "exit 5"]).code, 5);
    bundle.end();
}

#[test]
fn a_user_keeps_the_groups_of_the_configuration() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sleep", "1000"]);
    bundle.config["process"]["user"] = json!({"uid": 1, "gid": 7, "additionalGids": [8]});
    bundle.create();
    bundle.ok(&["start", "box"]);
    let ids = ["box", "sh", "-c", "echo $(id -u) $(id -g) $(id -G)"];
    let with = |options: &[&str]| bundle.ok(&[&["exec"], options, &ids[..]].concat());
    assert_eq!(with(&["--user", "5"]), "5 7 7 8");
    assert_eq!(with(&["--user", "5:6", "-g", "9"]), "5 6 6 8 9");
    bundle.end();
}

#[test]
fn a_capability_is_added_to_the_sets_and_to_the_ambient_one_if_it_is_inheritable() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sleep", "1000"]);
    let capabilities = json!({"bounding": ["CAP_KILL", "CAP_SYSLOG"], "effective": ["CAP_KILL"],
        "permitted": ["CAP_KILL"], "inheritable": ["CAP_SYSLOG"]});
    bundle.config["process"]["capabilities"] = capabilities;
    bundle.create();
    bundle.ok(&["start", "box"]);
    let words = [
        "exec",
        "--cap",
        "CAP_SYSLOG",
        "box",
        "grep",
        "Cap",
        "/proc/self/status",
    ];
    let output = bundle.ok(&words);
    let sets: Vec<&str> = output.split_whitespace().collect();
    let (syslog, both) = ("0000000400000000", "0000000400000020");
    let expected = [
        "CapInh:", syslog, "CapPrm:", both, "CapEff:", both, "CapBnd:", both, "CapAmb:", syslog,
    ];
    assert_eq!(sets, expected);
    bundle.end();
}

#[test]
fn a_process_goes_into_a_group_below_the_containers() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    let Some(memory) = bundle.cgroup("memory") else {
        println!("skipped: no memory controller");
        return bundle.end();
    };
    std::fs::create_dir(memory.join("sub")).unwrap();
    let in_group =
        |group: &str| bundle.ok(&["exec", "--cgroup", group, "box", "cat", "/proc/self/cgroup"]);
    let is_v1 = memory.starts_with("/sys/fs/cgroup/memory");
    let found = in_group(if is_v1 { "memory:sub" } else { "sub" });
    // Seen from the container's cgroup namespace, or from the host's.
    let inside = found.lines().filter(|line| line.ends_with("/sub")).count();
    assert_eq!(inside, 1, "{found}");
    assert!(!in_group("/").contains("/sub"));
    let refused = |group: &str| bundle.fails(&["exec", "--cgroup", group, "box", "true"]);
    assert!(refused("..").contains("bad sub cgroup path"));
    assert!(refused("nowhere").contains("no such file"));
    assert!(refused("flying:/").contains("unknown controller flying"));
    bundle.end();
}

#[test]
fn a_process_in_a_paused_container_waits_until_it_is_resumed() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    bundle.ok(&["pause", "box"]);
    let refused = bundle.fails(&["exec", "box", "true"]);
    assert!(
        refused.contains("cannot exec in a paused container"),
        "{refused}"
    );
    let words = bundle.words(&["exec", "--ignore-paused", "box", "echo", "thawed"]);
    let mut command = bundle.command();
    let exec = command.args(words).stdout(Stdio::piped()).spawn().unwrap();
    bundle.ok(&["resume", "box"]);
    let output = exec.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "thawed\n");
    bundle.end();
}

#[test]
fn labels_that_this_host_cannot_give_are_refused_by_name() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    if !std::path::Path::new("/sys/kernel/security/apparmor").exists() {
        let message = bundle.fails(&["exec", "--apparmor", "tight", "box", "true"]);
        assert!(message.to_lowercase().contains("apparmor"), "{message}");
    }
    if !std::path::Path::new("/sys/fs/selinux/enforce").exists() {
        let message = bundle.fails(&["exec", "--process-label", "a:b:c", "box", "true"]);
        assert!(message.to_lowercase().contains("selinux"), "{message}");
    }
    bundle.end();
}

#[test]
fn home_is_what_the_containers_user_database_says() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", "echo $HOME $A"]);
    std::fs::create_dir_all(bundle.path("rootfs/etc")).unwrap();
    std::fs::write(
        bundle.path("rootfs/etc/passwd"),
        "web:x:33:33::/srv:/bin/sh\n",
    )
    .unwrap();
    bundle.config["process"]["env"] = json!(["PATH=/usr/bin", "A=1", "A=2", "HOME="]);
    assert_eq!(bundle.output(), "/ 2");
    bundle.config["process"]["user"] = json!({"uid": 33, "gid": 33});
    assert_eq!(bundle.output(), "/srv 2");
    bundle.config["process"]["env"] = json!(["PATH=/usr/bin", "HOME=/x"]);
    assert_eq!(bundle.output(), "/x");
    bundle.config["process"]["env"] = json!(["PATH"]);
    assert!(bundle.fails(&["run", "box"]).contains("NAME=VALUE"));
    bundle.assert_nothing_left();
}
