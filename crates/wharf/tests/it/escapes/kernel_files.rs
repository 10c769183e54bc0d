//! Files of the kernel that would change the host: unmasked (CVE-2025-31133, CVE-2019-19921), written
//! in the runtime's name (CVE-2025-52881, CVE-2022-0811), or given away with a cgroup
//! (CVE-2022-0492).

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::harness::{Wharf, is_root};

fn without_mount(config: &mut Value, destination: &str) {
    let mounts = config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| {
        !mount["destination"]
            .as_str()
            .unwrap()
            .starts_with(destination)
    });
}

/// CVE-2025-31133: what covers a masked file is the host's null device, whatever the image calls
/// so.
#[test]
fn a_null_device_of_the_image_masks_nothing() {
    if !is_root() {
        return;
    }
    for target in [
        "/proc/sys/kernel/core_pattern",
        "/proc/kcore",
        "/proc/sysrq-trigger",
    ] {
        let script = "stat -c '%F %t:%T' /proc/kcore /proc/keys /proc/timer_list; \
                      test -w /proc/sys/kernel/core_pattern && echo open; true";
        let mut bundle = Bundle::new(&["sh", "-c", script]);
        without_mount(&mut bundle.config, "/dev");
        // In the image itself it would be refused: that is no node.
        std::fs::create_dir(bundle.path("dev")).unwrap();
        symlink(target, bundle.path("dev/null")).unwrap();
        let mounts = bundle.config["mounts"].as_array_mut().unwrap();
        mounts.push(
            json!({"destination": "/dev", "type": "bind", "source": "dev",
            "options": ["rbind"]}),
        );
        let output = bundle.output();
        for line in output.lines() {
            assert_eq!(line, "character special file 1:3", "{target}");
        }
    }
}

/// CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: a /proc that is a link can be turned elsewhere
/// between the mount and the masks.
#[test]
fn a_proc_of_the_image_that_is_a_link_is_refused() {
    if !is_root() {
        return;
    }
    for (name, kind) in [("proc", "proc"), ("sys", "sysfs")] {
        let bundle = Bundle::new(&["true"]);
        std::fs::create_dir(bundle.path("rootfs/elsewhere")).unwrap();
        symlink("elsewhere", bundle.path("rootfs").join(name)).unwrap();
        let message = bundle.fails(&["run", "box"]);
        let expected = format!("the file system for /{name} must be mounted on ordinary directory");
        assert!(message.contains(&expected), "{kind}: {message}");
        bundle.assert_nothing_left();
    }
}

/// CVE-2025-52881: what is written for the container is written to the kernel, not to what the
/// container shows as /proc.
#[test]
fn a_fake_proc_gets_nothing_that_is_written_for_the_container() {
    if !is_root() {
        return;
    }
    for links in [false, true] {
        let script = "cat /real/sys/net/ipv4/ip_forward";
        let mut bundle = Bundle::new(&["sh", "-c", script]);
        let fake = bundle.path("fake");
        let file = fake.join("sys/net/ipv4/ip_forward");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let victim = bundle.path("victim");
        std::fs::write(&victim, "untouched").unwrap();
        match links {
            true => symlink("/victim", &file).unwrap(),
            false => std::fs::write(&file, "untouched").unwrap(),
        }
        without_mount(&mut bundle.config, "/proc");
        let mounts = bundle.config["mounts"].as_array_mut().unwrap();
        mounts.push(json!({"destination": "/real", "type": "proc", "source": "proc"}));
        mounts.push(
            json!({"destination": "/proc", "type": "bind", "source": fake,
            "options": ["rbind"]}),
        );
        mounts.push(
            json!({"destination": "/victim", "type": "bind", "source": victim,
            "options": ["bind"]}),
        );
        bundle.config["linux"]["sysctl"] = json!({"net.ipv4.ip_forward": "1"});
        assert_eq!(bundle.output(), "1");
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
        if !links {
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "untouched");
        }
    }
}

/// The same in a user namespace, whose root may set what belongs to its network.
#[test]
fn kernel_parameters_of_a_user_namespace_are_set() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["cat", "/proc/sys/net/ipv4/ip_forward"]);
    bundle.with_user_namespace();
    bundle.config["linux"]["sysctl"] = json!({"net.ipv4.ip_forward": "1"});
    assert_eq!(bundle.output(), "1");
}

/// CVE-2022-0811: parameters of the host, by name or smuggled in with one that is allowed.
#[test]
fn kernel_parameters_of_the_host_cannot_be_set() {
    if !is_root() {
        return;
    }
    let read = || std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let before = read();
    let cases = [
        ("kernel.core_pattern", "|/evil"),
        ("kernel.shm_rmid_forced=1+kernel.core_pattern", "|/evil"),
        ("kernel.shm_rmid_forced", "1\nkernel.core_pattern=|/evil"),
        ("kernel/core_pattern", "|/evil"),
        ("net./../kernel/core_pattern", "|/evil"),
        ("net.../kernel.core_pattern", "|/evil"),
        ("net.ipv4.../../../kernel/core_pattern", "|/evil"),
        ("fs.mqueue./../../kernel/core_pattern", "|/evil"),
        ("kernel.modprobe", "/evil"),
        ("vm.overcommit_memory", "1"),
        ("fs.file-max", "5"),
        ("net", "x"),
        ("net.", "x"),
        ("", "x"),
    ];
    for (key, value) in cases {
        let mut bundle = Bundle::new(&["true"]);
        bundle.config["linux"]["sysctl"] = json!({key: value});
        let outcome = bundle.run(&["run", "box"]);
        assert_eq!(read(), before, "{key}");
        let is_value = key == "kernel.shm_rmid_forced";
        assert!(outcome.code != 0 || is_value, "{key}: {outcome:?}");
        bundle.assert_nothing_left();
    }
}

/// CVE-2022-0492: the program that the kernel runs as root when a cgroup empties.
#[test]
fn no_release_agent_can_be_named() {
    if !is_root() {
        return;
    }
    let script = "find /sys/fs/cgroup -name release_agent | wc -l; mkdir /tmp/c; \
                  for o in memory rdma pids cpu misc name=x; do \
                  mount -t cgroup -o $o cgroup /tmp/c 2>/dev/null && \
                  echo /evil 2>/dev/null > /tmp/c/release_agent && echo named; \
                  umount /tmp/c 2>/dev/null; done; \
                  unshare -UrCm true 2>/dev/null && echo unshared; true";
    let wharf = Wharf::new();
    let run = |flags: &[&str]| {
        wharf.ok(&[&["run", "--rm"], flags, &["host", "sh", "-c", script]].concat())
    };
    assert_eq!(run(&["--tmpfs", "/tmp"]), "0");
    // Even with the right to mount, which is one of the container's user namespace only.
    let flags = ["--tmpfs", "/tmp", "--cap-add", "SYS_ADMIN"];
    assert!(!run(&flags).contains("named"));
}
