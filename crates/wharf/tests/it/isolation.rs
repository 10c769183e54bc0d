//! What a container can and cannot reach, by default and when asked for.

use crate::harness::{Wharf, cgroups_of, is_root};

/// Runs a script in a container with these flags.
fn sh(wharf: &Wharf, flags: &[&str], script: &str) -> String {
    wharf.ok(&[&["run", "--rm"], flags, &["host", "sh", "-c", script]].concat())
}

#[test]
fn a_container_sees_nothing_of_the_host_but_usr() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script =
        "ls /root /home; ls /proc | grep -c '^[0-9]'; ls /sys/class/net; cat /etc/hostname";
    let output = sh(&wharf, &["--hostname", "box"], script);
    let lines: Vec<_> = output
        .lines()
        .filter(|line| !line.ends_with(':') && !line.is_empty())
        .collect();
    // ls and grep besides the shell.
    assert_eq!(lines[1..], ["lo", "box"]);
    assert!(lines[0].parse::<u32>().unwrap() <= 4, "{output}");
}

#[test]
fn writes_to_the_hosts_files_stay_in_the_container() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    sh(&wharf, &[], "rm /usr/bin/env && echo x > /etc/passwd");
    assert!(std::path::Path::new("/usr/bin/env").exists());
}

#[test]
fn capabilities_are_docker_s_fourteen_and_what_was_asked_for() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "grep CapBnd /proc/self/status";
    assert_eq!(sh(&wharf, &[], script), "CapBnd:\t00000000a80425fb");
    assert_eq!(
        sh(&wharf, &["--cap-drop", "ALL"], script),
        "CapBnd:\t0000000000000000"
    );
    let flags = ["--cap-drop", "all", "--cap-add", "net_admin"];
    assert_eq!(sh(&wharf, &flags, script), "CapBnd:\t0000000000001000");
}

#[test]
fn a_seccomp_profile_is_on_unless_it_is_turned_off() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status";
    assert_eq!(sh(&wharf, &[], script), "NoNewPrivs:\t0\nSeccomp:\t2");
    let flags = [
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "no-new-privileges",
    ];
    assert_eq!(sh(&wharf, &flags, script), "NoNewPrivs:\t1\nSeccomp:\t0");
}

#[test]
fn a_volume_has_the_hosts_owners_on_both_sides() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let data = wharf.path("data-of-host");
    let volume = format!("{}:/data", data.display());
    assert_eq!(
        sh(
            &wharf,
            &["-v", &volume],
            "touch /data/x; stat -c %u /data/x"
        ),
        "0"
    );
    let owner = std::fs::metadata(data.join("x")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), 0);
    let read_only = format!("{volume}:ro");
    let words = ["run", "--rm", "-v", &read_only, "host", "touch", "/data/y"];
    assert_ne!(wharf.run(&words).code, 0);
}

#[test]
fn a_read_only_root_can_have_writable_mounts() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "touch /x || touch /usr/x || touch /tmp/x && echo /tmp";
    let output = sh(&wharf, &["--read-only", "--tmpfs", "/tmp"], script);
    assert_eq!(output, "/tmp");
}

#[test]
fn namespaces_are_shared_when_asked_for() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let own = |kind: &str| std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
    let of =
        |flags: &[&str], kind: &str| sh(&wharf, flags, &format!("readlink /proc/self/ns/{kind}"));
    for (flag, kind) in [
        ("--network", "net"),
        ("--ipc", "ipc"),
        ("--uts", "uts"),
        ("--pid", "pid"),
        ("--userns", "user"),
        ("--cgroupns", "cgroup"),
    ] {
        let own = own(kind).into_os_string().into_string().unwrap();
        assert_ne!(of(&[], kind), own, "{kind}");
        assert_eq!(of(&[flag, "host"], kind), own, "{kind}");
    }
}

#[test]
fn namespaces_of_another_container_can_be_joined() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.sleeper("db");
    for (flag, kind) in [
        ("--network", "net"),
        ("--ipc", "ipc"),
        ("--uts", "uts"),
        ("--pid", "pid"),
    ] {
        let script = format!("readlink /proc/self/ns/{kind}");
        let theirs = wharf.ok(&["exec", "db", "sh", "-c", &script]);
        assert_eq!(
            sh(&wharf, &[flag, "container:db"], &script),
            theirs,
            "{kind}"
        );
    }
}

#[test]
fn clocks_can_be_moved() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let uptime = sh(
        &wharf,
        &["--time-offset", "boottime=1000000000"],
        "cat /proc/uptime",
    );
    assert!(uptime.starts_with("1000"), "{uptime}");
}

#[test]
fn a_privileged_container_has_all_rights_and_devices() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "grep CapEff /proc/self/status; grep Seccomp: /proc/self/status; \
                  cat /proc/self/uid_map; ls /dev | wc -l; touch /proc/sys/kernel/hostname && echo rw";
    let output = sh(&wharf, &["--privileged"], script);
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let bounding = own
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .unwrap();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[0], format!("CapEff:{bounding}"));
    assert_eq!(lines[1], "Seccomp:\t0");
    assert!(
        lines[2].trim_start().starts_with("0          0"),
        "{output}"
    );
    assert_eq!(lines[4], "rw");
}

#[test]
fn a_small_init_reaps_orphans_and_passes_signals_on() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "cat /proc/1/comm; (sleep 0.01 &); sleep 0.1; ps -e | grep -c defunct; exit 6";
    let outcome = wharf.run(&["run", "--rm", "--init", "host", "sh", "-c", script]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (6, "wharf-init\n0\n"),
        "{outcome:?}"
    );
    // However early the signal comes, before init could say that it wants it.
    for _ in 0..10 {
        wharf.ok(&[
            "run", "-d", "--init", "--name", "box", "host", "sleep", "1000",
        ]);
        wharf.ok(&["kill", "-s", "TERM", "box"]);
        assert_eq!(wharf.ok(&["wait", "box"]), "143");
        wharf.ok(&["rm", "box"]);
    }
    assert_eq!(
        wharf
            .run(&["run", "--rm", "--init", "host", "no-such-program"])
            .code,
        127
    );
}

#[test]
fn our_own_program_cannot_be_written_from_a_container_of_the_hosts_root() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let words = [
        "run",
        "-d",
        "--privileged",
        "--name",
        "box",
        "host",
        "sleep",
        "1000",
    ];
    let id = wharf.ok(&words);
    // The trick of CVE-2019-5736: our program is made to run inside, where a link of /proc leads to
    // its file, which can be written to as soon as nobody runs it any more.
    let trick = [
        "exec",
        "-d",
        "box",
        "/proc/self/exe",
        "unshare",
        "--uts",
        "sleep",
        "1000",
    ];
    wharf.ok(&trick);
    let is_ours = |pid: &&str| {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.starts_with("/proc/self/exe\0unshare")
    };
    let group = cgroups_of(&id).into_iter().next().unwrap();
    let pids = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
    let ours = pids.lines().find(is_ours).unwrap();
    let file = rustix::fs::statvfs(format!("/proc/{ours}/exe")).unwrap();
    assert!(file.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
}
