//! Properties of `config.json`, by the effect that a program in the container sees.

use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::is_root;

/// What a script prints in a container of a changed configuration.
fn sh(script: &str, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    change(&mut bundle.config);
    let output = bundle.output();
    bundle.assert_nothing_left();
    output
}

#[test]
fn the_process_is_who_and_where_it_shall_be() {
    if !is_root() {
        return;
    }
    let output = sh("id -u; id -g; id -G; umask; pwd; echo $A", |config| {
        config["process"]["user"] =
            json!({"uid": 7, "gid": 8, "additionalGids": [9, 10], "umask": 63});
        config["process"]["cwd"] = json!("/usr/bin");
        config["process"]["env"] = json!(["PATH=/usr/bin", "A=b"]);
    });
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines, ["7", "8", "8 9 10", "0077", "/usr/bin", "b"]);
}

#[test]
fn rights_are_those_of_the_configuration() {
    if !is_root() {
        return;
    }
    let script = "grep -E '^(CapEff|CapBnd|CapAmb|NoNewPrivs)' /proc/self/status | cut -f2";
    let output = sh(script, |config| {
        let names = json!(["CAP_KILL", "CAP_CHOWN"]);
        config["process"]["capabilities"] = json!({"bounding": names, "effective": names,
            "permitted": names, "inheritable": names, "ambient": ["CAP_KILL"]});
        config["process"]["noNewPrivileges"] = json!(true);
    });
    let lines: Vec<_> = output
        .lines()
        .map(|line| line.trim_start_matches('0'))
        .collect();
    assert_eq!(lines, ["21", "21", "20", "1"]);
}

#[test]
fn limits_and_kernel_parameters_hold() {
    if !is_root() {
        return;
    }
    let script = "ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward; cat \
                  /proc/self/oom_score_adj; hostname";
    let output = sh(script, |config| {
        config["process"]["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]);
        config["process"]["oomScoreAdj"] = json!(300);
        config["linux"]["sysctl"] = json!({"net.ipv4.ip_forward": "1"});
        config["hostname"] = json!("there");
    });
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        ["100", "200", "1", "300", "there"]
    );
}

#[test]
fn mounts_have_their_options() {
    if !is_root() {
        return;
    }
    let script = "touch /tmp/a && echo tmp; touch /usr/a 2>/dev/null || echo usr; touch /ro \
                  2>/dev/null || echo root; ls /masked; cat /hidden; touch /kept/a 2>/dev/null \
                  || echo kept; grep -c ' /tmp tmpfs rw,nosuid,nodev,noexec' /proc/mounts; grep -c ' /masked ' \
                  /proc/mounts";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    let root = bundle.path("rootfs");
    for name in ["masked", "kept", "tmp"] {
        std::fs::create_dir(root.join(name)).unwrap();
    }
    std::fs::write(root.join("masked/secret"), "").unwrap();
    std::fs::write(root.join("hidden"), "secret").unwrap();
    let config = &mut bundle.config;
    let tmp = json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "nodev", "noexec", "size=1m"]});
    config["mounts"].as_array_mut().unwrap().push(tmp);
    config["linux"]["maskedPaths"] = json!(["/masked", "/hidden", "/missing", "/masked"]);
    config["linux"]["readonlyPaths"] = json!(["/kept"]);
    assert_eq!(
        bundle.output().lines().collect::<Vec<_>>(),
        ["tmp", "usr", "root", "kept", "1", "1"]
    );
}

#[test]
fn devices_are_made_and_the_others_forbidden() {
    if !is_root() {
        return;
    }
    let script = "echo x > /dev/null && head -c 1 /dev/extra | wc -c; stat -c %a /dev/extra; cat < /dev/kmsg \
                  2>/dev/null || echo forbidden";
    let output = sh(script, |config| {
        config["linux"]["devices"] = json!([
            {"path": "/dev/extra", "type": "c", "major": 1, "minor": 5, "fileMode": 438},
            {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 438}]);
        config["linux"]["resources"]["devices"] = json!([{"allow": false, "access": "rwm"},
            {"allow": true, "type": "c", "major": 1, "minor": 5, "access": "rw"}]);
    });
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        ["1", "666", "forbidden"]
    );
}

#[test]
fn a_system_call_fails_as_the_filter_says() {
    if !is_root() {
        return;
    }
    let output = sh("mkdir /dev/shm/x 2>&1 | sed 's/.*: //'", |config| {
        config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]});
    });
    assert_eq!(output, "No space left on device");
}

/// The filter is the program's: what the runtime does to get there is not held against it.
#[test]
fn a_filter_need_not_allow_what_the_runtime_does() {
    if !is_root() {
        return;
    }
    let denied = [
        "chdir",
        "faccessat2",
        "setgroups",
        "setresgid",
        "setresuid",
        "capset",
        "recvmsg",
        "sendmsg",
        "close_range",
        "unlinkat",
        "mount",
        "umask",
    ];
    for no_new_privileges in [false, true] {
        let output = sh(
            "id -u; grep CapPrm /proc/self/status; cd / || echo denied",
            |config| {
                config["process"]["noNewPrivileges"] = json!(no_new_privileges);
                config["process"]["user"] = json!({"uid": 1000, "gid": 1000});
                config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": denied, "action": "SCMP_ACT_ERRNO"}]});
            },
        );
        let words: Vec<_> = output.split_whitespace().collect();
        assert_eq!(words, ["1000", "CapPrm:", "0000000000000000", "denied"]);
    }
}

#[test]
fn namespaces_of_a_path_are_joined() {
    if !is_root() {
        return;
    }
    let first = Bundle::new(&["sleep", "1000"]);
    first.create();
    first.ok(&["start", "box"]);
    let pid = first.state("pid");
    let mut second = Bundle::new(&["sh", "-c", "readlink /proc/self/ns/net /proc/self/ns/uts"]);
    for namespace in second.config["linux"]["namespaces"].as_array_mut().unwrap() {
        let name = match namespace["type"].as_str().unwrap() {
            "network" => "net",
            "uts" => "uts",
            _ => continue,
        };
        namespace["path"] = json!(format!("/proc/{pid}/ns/{name}"));
    }
    let theirs = ["net", "uts"].map(|name| {
        let link = std::fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap();
        link.into_os_string().into_string().unwrap()
    });
    let output = second.output();
    assert_eq!(output.lines().collect::<Vec<_>>(), theirs);
    first.ok(&["delete", "--force", "box"]);
}

#[test]
fn a_user_namespace_has_the_maps_of_the_configuration() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&[
        "sh",
        "-c",
        "cat /proc/self/uid_map /proc/self/gid_map; id -u",
    ]);
    // The container's root owns nothing on the host, nor can it make mount points there.
    for name in ["proc", "dev", "sys"] {
        std::fs::create_dir(bundle.path("rootfs").join(name)).unwrap();
    }
    let config = &mut bundle.config;
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.push(json!({"type": "user"}));
    let map = |host| json!([{"containerID": 0, "hostID": host, "size": 1000}]);
    config["linux"]["uidMappings"] = map(700_000);
    config["linux"]["gidMappings"] = map(800_000);
    let output = bundle.output();
    let words: Vec<_> = output.split_whitespace().collect();
    assert_eq!(words, ["0", "700000", "1000", "0", "800000", "1000", "0"]);
}

/// Where the program reads them, with cgroup v1; the numbers of v2 are tested beside the code.
#[test]
fn reads_and_writes_of_a_device_are_limited() {
    if !is_root() {
        return;
    }
    let file = "/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device";
    if !std::path::Path::new(file).exists() {
        println!("skipped: needs the blkio controller of cgroup v1");
        return;
    }
    let device = std::fs::metadata("/").unwrap().dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let disk = format!("/sys/dev/block/{major}:{minor}/partition");
    if major == 0 || std::path::Path::new(&disk).exists() {
        println!("skipped: needs a whole disk below /");
        return;
    }
    let output = sh(&format!("cat {file}"), |config| {
        config["linux"]["resources"]["blockIO"] = json!({"weight": 0,
            "throttleReadBpsDevice": [{"major": major, "minor": minor, "rate": 1_048_576}]});
    });
    assert_eq!(output, format!("{major}:{minor} 1048576"));
}

#[test]
fn memory_and_tasks_are_limited() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", "head -c 100m /dev/zero | tail | wc -c; exit 5"]);
    bundle.config["linux"]["resources"]["memory"] = json!({"limit": 32 << 20, "swap": 32 << 20});
    let outcome = bundle.run(&["run", "box"]);
    assert_eq!(outcome.stdout.trim(), "0", "{outcome:?}");
    let script = "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done 2>/dev/null; echo all";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    bundle.config["linux"]["resources"]["pids"] = json!({"limit": 4});
    assert!(!bundle.run(&["run", "box"]).stdout.contains("all"));
    bundle.assert_nothing_left();
}
