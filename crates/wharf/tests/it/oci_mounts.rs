//! Mounts as runc and crun make them: the flags of bind mounts, mounts of a hook, mounts for a
//! container that stands, and a container without a mount namespace of its own.

use std::path::Path;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::harness::{Outcome, is_root};

/// The flags of the mount at `/mnt` in a container that binds a file system with `source`'s flags
/// there, with `options`.
fn bound(source: &str, options: &[&str], user_namespace: bool) -> Vec<String> {
    let script = "grep ' /mnt ' /proc/self/mounts | cut -d' ' -f4";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    std::fs::create_dir(bundle.path("data")).unwrap();
    std::fs::create_dir(bundle.path("rootfs/mnt")).unwrap();
    if user_namespace {
        bundle.with_user_namespace();
    }
    let mount = json!({"destination": "/mnt", "source": "data", "type": "bind",
        "options": options});
    bundle.config["mounts"].as_array_mut().unwrap().push(mount);
    let data = bundle.path("data");
    let data = data.to_str().unwrap();
    let before = format!(
        "mount --make-rprivate /; mount --bind {data} {data}; \
         mount -o remount,bind,{source} {data}"
    );
    let outcome = bundle.run_unshared(&["-m"], [&before, "true"], &["run", "box"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let flags = outcome.stdout.trim().split(',');
    flags.map(str::to_owned).collect()
}

fn has(flags: &[String], word: &str) -> bool {
    flags.iter().any(|flag| flag == word)
}

#[test]
fn whoever_names_one_flag_of_a_bind_mount_names_them_all() {
    if !is_root() {
        return;
    }
    let flags = bound("ro,nosuid,nodev,noexec", &["bind"], false);
    for kept in ["ro", "nosuid", "nodev", "noexec"] {
        assert!(has(&flags, kept), "{kept}: {flags:?}");
    }
    let flags = bound("ro,nosuid,noexec", &["bind", "nodev"], false);
    assert!(has(&flags, "rw") && has(&flags, "nodev"), "{flags:?}");
    assert!(
        !has(&flags, "nosuid") && !has(&flags, "noexec"),
        "{flags:?}"
    );
}

#[test]
fn in_a_user_namespace_a_bind_mount_keeps_what_nobody_names() {
    if !is_root() {
        return;
    }
    let flags = bound("ro,nosuid,noexec", &["bind", "nodev"], true);
    for kept in ["ro", "nosuid", "nodev", "noexec"] {
        assert!(has(&flags, kept), "{kept}: {flags:?}");
    }
}

#[test]
fn a_hook_mounts_into_the_container_where_its_root_comes_from() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["cat", "/seen"]);
    std::fs::write(bundle.path("data"), "by the hook").unwrap();
    std::fs::write(bundle.path("rootfs/seen"), "nothing").unwrap();
    let script = format!(
        "pid=$(grep -o '\"pid\":[0-9]*' | cut -d: -f2); \
         nsenter -m -t $pid mount --bind {} {}",
        bundle.path("data").display(),
        bundle.path("rootfs/seen").display(),
    );
    let hook = json!([{"path": "/bin/sh", "args": ["sh", "-c", script],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]);
    // Those of the container's side stand in the new root.
    let inside = json!([{"path": "/bin/sh", "args": ["sh", "-c", "test -s ./seen"]}]);
    bundle.config["hooks"] = json!({"createRuntime": hook, "createContainer": inside});
    assert_eq!(bundle.output(), "by the hook");
    bundle.assert_nothing_left();
}

fn without_mount_namespace(args: &[&str]) -> Bundle {
    let mut bundle = Bundle::new(args);
    let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != "mount");
    bundle
}

fn mounts_below(path: &Path) -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let path = path.to_str().unwrap();
    let below = mounts.lines().filter(|line| line.contains(path));
    below.map(str::to_owned).collect()
}

#[test]
fn a_container_without_a_mount_namespace_leaves_no_mount_on_the_host() {
    if !is_root() {
        return;
    }
    let bundle = without_mount_namespace(&["sleep", "1000"]);
    bundle.create();
    bundle.ok(&["start", "box"]);
    let rootfs = bundle.path("rootfs");
    assert!(!mounts_below(&rootfs).is_empty());
    // Its programs stand in its root all the same, those of exec, too.
    let names = bundle.ok(&["exec", "box", "ls", "/"]);
    assert!(!names.contains("home"), "{names}");
    let own = std::fs::read_link("/proc/self/ns/mnt").unwrap();
    let theirs = bundle.ok(&["exec", "box", "readlink", "/proc/self/ns/mnt"]);
    assert_eq!(theirs, own.to_str().unwrap());
    bundle.end();
    assert_eq!(mounts_below(&rootfs), [""; 0]);
}

#[test]
fn a_container_without_a_mount_namespace_that_fails_leaves_no_mount_either() {
    if !is_root() {
        return;
    }
    let bundle = without_mount_namespace(&["no-such-program"]);
    let message = bundle.fails(&["run", "box"]);
    assert!(message.contains("no-such-program"), "{message}");
    assert_eq!(mounts_below(&bundle.path("rootfs")), [""; 0]);
    bundle.assert_nothing_left();
    let mut bundle = without_mount_namespace(&["true"]);
    bundle.with_user_namespace();
    let message = bundle.fails(&["run", "box"]);
    assert!(message.contains("mount namespace"), "{message}");
}

/// Mount points can be made in it.
fn sleeping_in_a_writable_root() -> Bundle {
    let mut bundle = Bundle::new(&["sleep", "1000"]);
    bundle.config["root"]["readonly"] = json!(false);
    bundle.create();
    bundle.ok(&["start", "box"]);
    bundle
}

fn mounts(bundle: &Bundle, verb: &str, list: &Value) -> Outcome {
    let file = bundle.path("mounts.json");
    std::fs::write(&file, list.to_string()).unwrap();
    bundle.run(&["mounts", verb, "box", file.to_str().unwrap()])
}

#[test]
fn mounts_come_to_a_running_container_and_go() {
    if !is_root() {
        return;
    }
    let bundle = sleeping_in_a_writable_root();
    std::fs::create_dir(bundle.path("data")).unwrap();
    std::fs::write(bundle.path("data/file"), "hello").unwrap();
    let list = json!([
        {"destination": "/data", "type": "bind", "source": bundle.path("data"),
            "options": ["bind", "ro"]},
        {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs",
            "options": ["ro", "size=64k"]},
    ]);
    let outcome = mounts(&bundle, "add", &list);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(bundle.ok(&["exec", "box", "cat", "/data/file"]), "hello");
    for place in ["/data", "/scratch"] {
        let file = format!("{place}/new");
        let denied = bundle.fails(&["exec", "box", "touch", &file]);
        assert!(denied.contains("Read-only"), "{denied}");
    }
    let outcome = mounts(&bundle, "remove", &list);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(
        bundle.ok(&["exec", "box", "ls", "/data", "/scratch"]),
        "/data:\n\n/scratch:"
    );
    let outcome = mounts(&bundle, "remove", &list);
    assert!(outcome.stderr.contains("unmounting /data"), "{outcome:?}");
    let outcome = mounts(&bundle, "remove", &json!([{"destination": "/usr/../"}]));
    assert!(outcome.stderr.contains("invalid argument"), "{outcome:?}");
    bundle.end();
}

#[test]
fn mounts_are_added_all_or_none_and_never_outside_of_the_root() {
    if !is_root() {
        return;
    }
    let bundle = sleeping_in_a_writable_root();
    let target = bundle.path("outside");
    std::fs::create_dir(&target).unwrap();
    // A link of the container's own making to a directory of the host.
    let link = bundle.path("rootfs/link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let list = json!([
        {"destination": "/link", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/usr/bin/env/below-a-file", "type": "tmpfs", "source": "tmpfs"},
    ]);
    let outcome = mounts(&bundle, "add", &list);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stderr.contains("below-a-file"), "{outcome:?}");
    assert_eq!(mounts_below(&target), [""; 0]);
    let inside = bundle.ok(&["exec", "box", "cat", "/proc/self/mounts"]);
    assert!(!inside.contains("outside"), "{inside}");
    let remount = json!([{"destination": "/proc", "options": ["remount", "rw"]}]);
    let outcome = mounts(&bundle, "add", &remount);
    assert!(outcome.stderr.contains("a remount"), "{outcome:?}");
    bundle.end();
}

#[test]
fn a_tmpfs_for_a_container_with_a_user_namespace_is_its_roots() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sleep", "1000"]);
    bundle.with_user_namespace();
    std::fs::create_dir(bundle.path("rootfs/scratch")).unwrap();
    bundle.create();
    bundle.ok(&["start", "box"]);
    let list = json!([{"destination": "/scratch", "type": "tmpfs", "source": "tmpfs"}]);
    let outcome = mounts(&bundle, "add", &list);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let owner = bundle.ok(&["exec", "box", "stat", "-c", "%u:%g", "/scratch"]);
    assert_eq!(owner, "0:0");
    bundle.ok(&["exec", "box", "touch", "/scratch/file"]);
    let list = json!([{"destination": "/scratch", "type": "proc", "source": "proc"}]);
    let outcome = mounts(&bundle, "add", &list);
    assert!(outcome.stderr.contains("user namespace"), "{outcome:?}");
    bundle.end();
}
