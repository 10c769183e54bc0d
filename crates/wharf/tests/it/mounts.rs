//! Mounts of `config.json`, by what a program in the container sees of them.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::harness::is_root;

/// A bundle that runs a script, with more mounts.
fn bundle(script: &str, mounts: &[Value]) -> Bundle {
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    let all = bundle.config["mounts"].as_array_mut().unwrap();
    all.extend(mounts.iter().cloned());
    bundle
}

fn tmpfs(destination: &str, options: &[&str]) -> Value {
    json!({"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": options})
}

fn bind(source: &str, destination: &str, options: &[&str]) -> Value {
    json!({"destination": destination, "type": "none", "source": source, "options": options})
}

/// Makes a directory in the bundle, and a file in it.
fn directory(bundle: &Bundle, name: &str, file: &str) {
    std::fs::create_dir_all(bundle.path(name)).unwrap();
    std::fs::write(bundle.path(name).join(file), name).unwrap();
}

#[test]
fn a_tmpfs_has_the_mode_and_the_content_that_are_asked_for() {
    if !is_root() {
        return;
    }
    let script = "stat -c %a /as-before /given /new; grep -c 'mode=710' /proc/mounts; cd /copied; \
                  cat a/file; stat -c '%a %u' a/file; readlink link; touch b";
    let mounts = [
        tmpfs("/as-before", &["nosuid"]),
        tmpfs("/given", &["mode=1500"]),
        tmpfs("/new", &[]),
        tmpfs("/copied", &["tmpcopyup"]),
    ];
    let bundle = bundle(script, &mounts);
    let root = bundle.path("rootfs");
    for (name, mode) in [("as-before", 0o710), ("given", 0o710), ("copied", 0o755)] {
        std::fs::create_dir(root.join(name)).unwrap();
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(root.join(name), mode).unwrap();
    }
    directory(&bundle, "rootfs/copied/a", "file");
    let file = root.join("copied/a/file");
    chown(&file, Some(5), Some(6)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4755)).unwrap();
    symlink("/etc/shadow", root.join("copied/link")).unwrap();
    let output = bundle.output();
    let expected = [
        "710",
        "1500",
        "1777",
        "1",
        "rootfs/copied/a4755 5",
        "/etc/shadow",
    ];
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);
    assert!(!root.join("copied/b").exists());
}

#[test]
fn what_is_read_only_is_so_once_everything_is_in_place() {
    if !is_root() {
        return;
    }
    let script = "test -c /dev/null && test -d /dev/pts && test -f /tmp/inner/file && for place \
                  in /dev /tmp /tmp/inner; do touch $place/x 2>/dev/null || echo $place; done";
    let mut bundle = bundle(
        script,
        &[
            tmpfs("/tmp", &["ro"]),
            bind("data", "/tmp/inner", &["bind", "ro"]),
        ],
    );
    directory(&bundle, "data", "file");
    for mount in bundle.config["mounts"].as_array_mut().unwrap() {
        if mount["destination"] == "/dev" {
            mount["options"].as_array_mut().unwrap().push(json!("ro"));
        }
    }
    assert_eq!(bundle.output(), "/dev\n/tmp\n/tmp/inner");
}

#[test]
fn bind_mounts_find_their_source_and_their_place() {
    if !is_root() {
        return;
    }
    let script = "cat /data/file /relative /elsewhere/deep/file; test -L /jump && test -L /hosts && \
                  cat /made/hosts";
    let rootfs_relative = "relative";
    let mounts = [
        bind("data", "/data", &["rbind", "ro", "nodev", "rprivate"]),
        bind("data/file", rootfs_relative, &["bind"]),
        bind("data", "/x/../elsewhere/./deep", &["bind"]),
        bind("data/file", "/hosts", &["bind"]),
    ];
    let bundle = bundle(script, &mounts);
    directory(&bundle, "data", "file");
    symlink("/made", bundle.path("rootfs/jump")).unwrap();
    symlink("/jump/hosts", bundle.path("rootfs/hosts")).unwrap();
    assert_eq!(bundle.output(), "datadatadatadata");
    assert!(bundle.path("rootfs/made/hosts").is_file());
}

/// A source below the root is what the container sees there by then.
#[test]
fn mounts_are_made_in_their_order_also_from_each_other() {
    if !is_root() {
        return;
    }
    let mounts = [
        bind("one", "/a", &["bind"]),
        bind("two", "/a/in", &["bind"]),
        bind("rootfs/a", "/b", &["rbind"]),
    ];
    let bundle = bundle("cat /b/file /b/in/file", &mounts);
    directory(&bundle, "one", "file");
    directory(&bundle, "one/in", "none");
    directory(&bundle, "two", "file");
    assert_eq!(bundle.output(), "onetwo");
}

#[test]
fn a_remount_changes_what_is_there() {
    if !is_root() {
        return;
    }
    let script = "touch /tmp/a 2>/dev/null || echo kept; grep ' /tmp ' /proc/mounts";
    let mounts = [
        tmpfs("/tmp", &["nosuid", "size=1m", "mode=755"]),
        tmpfs("/tmp", &["remount", "ro", "noexec", "size=2m"]),
    ];
    let output = bundle(script, &mounts).output();
    assert!(output.starts_with("kept\n"), "{output}");
    let options = output.lines().nth(1).unwrap();
    for word in ["ro,nosuid,noexec", "size=2048k"] {
        assert!(options.contains(word), "{options}");
    }
}

#[test]
fn recursive_attributes_reach_the_mounts_below() {
    if !is_root() {
        return;
    }
    let script = "for place in /only /all; do grep \" $place/in \" /proc/mounts | cut -d' ' -f4; \
                  done; touch /only/in/a && touch /all/in/a 2>/dev/null || echo kept";
    let mounts = [
        bind("tree", "/only", &["rbind", "ro"]),
        bind(
            "tree",
            "/all",
            &["rbind", "rro", "rnosuid", "rnodev", "rnoexec", "rnoatime"],
        ),
    ];
    let bundle = bundle(script, &mounts);
    directory(&bundle, "tree/in", "file");
    let before = format!(
        "mount -t tmpfs -o dev none {}",
        bundle.path("tree/in").display()
    );
    let outcome = bundle.run_unshared(&["-m"], [&before, "true"], &["run", "box"]);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines[0].starts_with("rw,relatime"), "{outcome:?}");
    assert!(
        lines[1].starts_with("ro,nosuid,nodev,noexec,noatime"),
        "{outcome:?}"
    );
    assert_eq!(lines[2], "kept");
}

#[test]
fn flags_of_file_systems_are_passed_on() {
    if !is_root() {
        return;
    }
    let script = "grep ' /tmp ' /proc/mounts | cut -d' ' -f4";
    let options = bundle(
        script,
        &[tmpfs("/tmp", &["sync", "dirsync", "lazytime", "silent"])],
    )
    .output();
    assert!(options.contains("sync,dirsync,lazytime"), "{options}");
    let message = bundle("true", &[tmpfs("/tmp", &["colour=red"])]).fails(&["run", "box"]);
    assert!(message.contains("colour"), "{message}");
}

#[test]
fn what_cannot_be_mounted_is_told() {
    if !is_root() {
        return;
    }
    let cases = [
        (bind("nowhere", "/data", &["bind"]), "nowhere"),
        (
            json!({"destination": "/data", "options": ["bind"]}),
            "source",
        ),
        (bind("data", "/data", &["ro"]), "type"),
        (tmpfs("/data", &["idmap"]), "id-mapped"),
        (bind("data", "/data", &["bind", "idmap"]), "id-mapping"),
        (
            json!({"destination": "/data", "type": "none", "source": "data", "options": ["bind"],
                "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}),
            "gidMappings",
        ),
    ];
    for (mount, expected) in cases {
        let bundle = bundle("true", &[mount]);
        directory(&bundle, "data", "file");
        let message = bundle.fails(&["run", "box"]);
        assert!(message.contains(expected), "{expected}: {message}");
        bundle.assert_nothing_left();
    }
}

#[test]
fn a_link_is_no_place_for_proc() {
    if !is_root() {
        return;
    }
    let bundle = bundle("true", &[]);
    std::fs::create_dir(bundle.path("rootfs/elsewhere")).unwrap();
    symlink("/elsewhere", bundle.path("rootfs/proc")).unwrap();
    let message = bundle.fails(&["run", "box"]);
    assert!(
        message.contains("must be mounted on ordinary directory"),
        "{message}"
    );
}

fn mapped(options: &[&str], (inside, outside): (u32, u32)) -> Value {
    let map = json!([{"containerID": inside, "hostID": outside, "size": 10}]);
    let mut mount = bind("data", "/data", options);
    mount["uidMappings"] = map.clone();
    mount["gidMappings"] = map;
    mount
}

#[test]
fn a_mount_shows_the_ids_of_its_own_map() {
    if !is_root() {
        return;
    }
    let script = "stat -c %u:%g /data/file; touch /data/new";
    let mut bundle = bundle(script, &[mapped(&["bind", "idmap"], (0, 5000))]);
    directory(&bundle, "data", "file");
    chown(bundle.path("data/file"), Some(3), Some(4)).unwrap();
    bundle.config["process"]["user"] = json!({"uid": 5000, "gid": 5001});
    chown(bundle.path("data"), Some(0), Some(0)).unwrap();
    assert_eq!(bundle.output(), "5003:5004");
    let new = std::fs::metadata(bundle.path("data/new")).unwrap();
    assert_eq!((new.uid(), new.gid()), (0, 1));
}

/// A source in the container's own root, where the image may have put a link.
#[test]
fn what_comes_from_the_root_can_be_mapped_and_does_not_lead_out() {
    if !is_root() {
        return;
    }
    let mount = |source: &str| {
        let mut mount = mapped(&["bind"], (0, 5000));
        mount["source"] = json!(source);
        mount
    };
    let made = bundle("stat -c %u:%g /data/file", &[mount("rootfs/own")]);
    directory(&made, "rootfs/own", "file");
    chown(made.path("rootfs/own/file"), Some(3), Some(4)).unwrap();
    assert_eq!(made.output(), "5003:5004");
    made.assert_nothing_left();
    let led = bundle("cat /data", &[mount("rootfs/link/secret")]);
    let outside = led.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "the host's").unwrap();
    symlink(&outside, led.path("rootfs/link")).unwrap();
    let message = led.fails(&["run", "box"]);
    assert!(message.contains("opening the mount source"), "{message}");
    led.assert_nothing_left();
}

#[test]
fn in_a_user_namespace_a_map_is_the_container_s_or_the_mount_s() {
    if !is_root() {
        return;
    }
    let script = "stat -c %u /data/file /plain/file";
    for (mount, expected) in [
        (bind("data", "/data", &["rbind", "idmap"]), "3\n65534"),
        (mapped(&["bind"], (0, 700_100)), "103\n65534"),
    ] {
        let mut bundle = bundle(script, &[mount, bind("data", "/plain", &["bind"])]);
        bundle.with_user_namespace();
        directory(&bundle, "data", "file");
        for name in ["data", "plain"] {
            std::fs::create_dir(bundle.path("rootfs").join(name)).unwrap();
        }
        chown(bundle.path("data/file"), Some(3), Some(4)).unwrap();
        assert_eq!(bundle.output(), expected);
    }
}

#[test]
fn only_a_recursive_map_reaches_the_mounts_below() {
    if !is_root() {
        return;
    }
    let script = "stat -c %u /data/file /data/in/file";
    for (word, expected) in [("idmap", "5003\n3\n"), ("ridmap", "5003\n5003\n")] {
        let bundle = bundle(script, &[mapped(&["rbind", word], (0, 5000))]);
        directory(&bundle, "data/in", "none");
        directory(&bundle, "data", "file");
        directory(&bundle, "other", "file");
        for name in ["data/file", "other/file"] {
            chown(bundle.path(name), Some(3), Some(4)).unwrap();
        }
        let before = "mount --bind other data/in";
        let outcome = bundle.run_unshared(&["-m"], [before, "true"], &["run", "box"]);
        assert_eq!(outcome.stdout, expected, "{outcome:?}");
    }
}

/// What a container mounts travels to the host only where both sides say so.
#[test]
fn mounts_travel_only_where_that_is_asked_for() {
    if !is_root() {
        return;
    }
    let script = "mkdir -p /data/in && mount -t tmpfs inner /data/in";
    let before = "mount -t tmpfs none data && mount -t tmpfs none deep && mkdir deep/in && mount \
                  -t tmpfs none deep/in && mount --make-rshared /";
    // What the container lets go of stays with the host.
    let after = "grep -c '^inner' /proc/mounts; grep -c deep /proc/mounts";
    let all = json!(["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]);
    for (propagation, option, has_user, expected) in [
        ("rshared", "rshared", false, "1\n2\n"),
        ("", "rshared", false, "0\n2\n"),
        ("", "rslave", false, "0\n2\n"),
        ("", "rbind", true, "0\n2\n"),
        ("", "rprivate", true, "0\n2\n"),
        ("", "slave", true, "0\n2\n"),
    ] {
        let mut bundle = bundle(
            script,
            &[bind("data", "/data", &["rbind", option, "idmap"])],
        );
        for name in ["data", "deep", "rootfs/data"] {
            std::fs::create_dir(bundle.path(name)).unwrap();
        }
        let options = bundle.config["mounts"].as_array_mut().unwrap().last_mut();
        if has_user {
            bundle.with_user_namespace();
        } else {
            options.unwrap()["options"] = json!(["rbind", option]);
        }
        bundle.config["linux"]["rootfsPropagation"] = json!(propagation);
        for set in ["bounding", "effective", "permitted"] {
            bundle.config["process"]["capabilities"][set] = all.clone();
        }
        let outcome = bundle.run_unshared(&["-m"], [before, after], &["run", "box"]);
        assert_eq!(
            outcome.stdout, expected,
            "{propagation} {option}: {outcome:?}"
        );
    }
}

#[test]
fn devices_stand_also_where_nothing_is_mounted_on_dev() {
    if !is_root() {
        return;
    }
    let mut bundle = bundle("echo x > /dev/null && readlink /dev/ptmx /dev/stdin", &[]);
    let mounts = bundle.config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| {
        let path = Path::new(mount["destination"].as_str().unwrap());
        !path.starts_with("/dev")
    });
    assert_eq!(bundle.output(), "pts/ptmx\n/proc/self/fd/0");
}
