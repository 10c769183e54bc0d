//! `kill -9` of our own processes: the next command finds the truth, and nothing stays.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Wharf, cgroups_of, is_root};

#[test]
fn what_should_run_is_started_after_its_monitor_is_lost_and_nothing_else() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let policies = ["no", "always", "unless-stopped", "on-failure"];
    for policy in policies {
        wharf.ok(&[
            "run",
            "-d",
            "--name",
            policy,
            "--restart",
            policy,
            "host",
            "sleep",
            "1000",
        ]);
        kill_process(monitor_of(&wharf, policy), Signal::KILL).unwrap();
        while wharf.inspect(policy, "/State/Running") == true {}
    }
    wharf.ok(&[
        "run",
        "-d",
        "--name",
        "stopped",
        "--restart",
        "unless-stopped",
        "host",
        "sleep",
        "9",
    ]);
    wharf.ok(&["stop", "-t", "0", "stopped"]);
    let mut started: Vec<String> = wharf
        .ok(&["system", "start"])
        .lines()
        .map(str::to_owned)
        .collect();
    started.sort();
    assert_eq!(started, ["always", "on-failure", "unless-stopped"]);
    assert_eq!(wharf.inspect("no", "/State/Running"), false);
    assert_eq!(wharf.inspect("always", "/State/Running"), true);
    assert_eq!(wharf.ok(&["system", "start"]), "");
}

/// The monitor of a container: the parent of its process.
pub(crate) fn monitor_of(wharf: &Wharf, name: &str) -> Pid {
    let pid = wharf.inspect(name, "/State/Pid");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    Pid::from_raw(fields.split(' ').nth(1).unwrap().parse().unwrap()).unwrap()
}

#[test]
fn a_container_ends_with_its_monitor_and_the_record_says_so() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let id = wharf.sleeper("web");
    kill_process(monitor_of(&wharf, "web"), Signal::KILL).unwrap();
    // The kernel kills the container's process with its parent, at its own pace.
    while wharf.inspect("web", "/State/Running") == true {}
    wharf.ok(&["ps", "-a"]);
    assert_eq!(wharf.inspect("web", "/State/ExitCode"), 137);
    let error = wharf.inspect("web", "/State/Error");
    assert_eq!(error, "the monitor of the container was killed");
    assert!(cgroups_of(&id).is_empty());
    assert_eq!(wharf.entries("run/ids"), [""; 0]);
    wharf.ok(&["start", "web"]);
    assert_eq!(wharf.inspect("web", "/State/Running"), true);
}

#[test]
fn a_container_that_is_not_to_stay_is_swept_with_everything_it_had() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let id = wharf.ok(&[
        "run", "-d", "--rm", "--name", "web", "host", "sleep", "1000",
    ]);
    kill_process(monitor_of(&wharf, "web"), Signal::KILL).unwrap();
    while !wharf.ok(&["ps", "-aq"]).is_empty() {}
    assert!(cgroups_of(&id).is_empty());
    wharf.assert_nothing_left();
}

#[test]
fn a_starter_that_is_killed_leaves_the_container_to_its_monitor() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let words = [
        "run",
        "--rm",
        "--name",
        "web",
        "host",
        "sh",
        "-c",
        "echo up; exec sleep 1000",
    ];
    let mut run = wharf
        .command()
        .args(words)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut byte = [0];
    std::io::Read::read_exact(run.stdout.as_mut().unwrap(), &mut byte).unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(wharf.inspect("web", "/State/Running"), true);
    wharf.ok(&["kill", "web"]);
    while wharf.run(&["inspect", "web"]).code == 0 {}
}

#[test]
fn a_command_that_is_killed_at_any_step_leaves_nothing_that_the_next_does_not_sweep() {
    if !is_root() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: needs strace");
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&["run", "--rm", "host", "true"]);
    let calls = [
        "mkdir",
        "mkdirat",
        "symlinkat",
        "renameat",
        "openat",
        "write",
        "clone3",
        "unlinkat",
    ];
    // The command alone, then whoever of it, the monitor and init comes to the call first.
    for whom in [&[][..], &["-f"]] {
        for (call, count) in calls
            .iter()
            .flat_map(|call| (1..6).map(move |count| (call, count)))
        {
            let inject = format!("inject={call}:signal=KILL:when={count}");
            let ours = wharf.command();
            let mut strace = Command::new("strace");
            strace
                .args(whom)
                .args(["-qq", "-o", "/dev/null", "-e", &inject]);
            strace.arg(ours.get_program()).args(ours.get_args());
            strace.args(["run", "--rm", "host", "true"]);
            strace
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            wharf.assert_nothing_left();
        }
    }
}
