//! What a container's monitor does by itself: starting it again, looking whether it is well,
//! keeping its log within bounds, and writing down how it ended.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Wharf, is_root};

/// Asks again and again until it is so, for at most twenty seconds.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
    }
}

#[test]
fn a_failing_container_is_tried_so_often_and_then_left() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "echo life; exit 3";
    let words = [
        "run",
        "-d",
        "--restart",
        "on-failure:2",
        "--name",
        "web",
        "host",
        "sh",
        "-c",
        script,
    ];
    wharf.ok(&words);
    let is_over = || {
        wharf.inspect("web", "/State/Status") == "exited"
            && wharf.ok(&["logs", "web"]).lines().count() == 3
    };
    until("three lives", is_over);
    assert_eq!(wharf.inspect("web", "/State/ExitCode"), 3);
    assert_eq!(
        wharf.inspect("web", "/HostConfig/RestartPolicy/Name"),
        "on-failure"
    );
    wharf.ok(&["rm", "web"]);
}

#[test]
fn a_container_that_always_runs_can_be_stopped_and_removed_at_any_moment() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run",
        "-d",
        "--restart",
        "always",
        "--name",
        "web",
        "host",
        "false",
    ]);
    until("a restart", || wharf.inspect("web", "/RestartCount") != 0);
    until("a pause", || {
        wharf.inspect("web", "/State/Status") == "restarting"
    });
    assert!(wharf.ok(&["ps"]).contains("Restarting (1) "));
    assert!(
        wharf
            .fails(&["exec", "web", "true"])
            .1
            .contains("it is restarting")
    );
    wharf.ok(&["stop", "-t", "0", "web"]);
    assert_eq!(wharf.inspect("web", "/State/Status"), "exited");
    wharf.ok(&["start", "web"]);
    until("a pause", || {
        wharf.inspect("web", "/State/Status") == "restarting"
    });
    wharf.ok(&["rm", "-f", "web"]);
    wharf.assert_nothing_left();
}

#[test]
fn a_running_container_with_a_policy_stays_stopped_when_it_is_stopped() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let words = [
        "run",
        "-d",
        "--restart",
        "unless-stopped",
        "--name",
        "web",
        "host",
        "sleep",
        "1000",
    ];
    wharf.ok(&words);
    wharf.ok(&["stop", "-t", "0", "web"]);
    assert_eq!(wharf.inspect("web", "/State/Status"), "exited");
    wharf.ok(&["start", "web"]);
    let pid = wharf.inspect("web", "/State/Pid");
    // Somebody else's signal is no wish of the user.
    let pid =
        rustix::process::Pid::from_raw(i32::try_from(pid.as_i64().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    until("another life", || {
        wharf.inspect("web", "/RestartCount") == 1
            && wharf.inspect("web", "/State/Status") == "running"
    });
    wharf.ok(&["update", "--restart", "no", "web"]);
    wharf.ok(&["kill", "web"]);
    until("the end", || {
        wharf.inspect("web", "/State/Status") == "exited"
    });
    let both = ["run", "--rm", "--restart", "always", "host", "true"];
    assert!(wharf.fails(&both).1.contains("restart policy"));
}

#[test]
fn health_is_looked_at_by_programs_and_files() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let is = |name: &str, health: &str| {
        until(&format!("{name} to be {health}"), || {
            wharf.inspect(name, "/State/Health/Status") == health
        });
    };
    let run = |name: &str, flags: &[&str], program: &[&str]| {
        let first = [
            "run",
            "-d",
            "--name",
            name,
            "--health-interval",
            "50ms",
            "--health-retries",
            "2",
        ];
        wharf.ok(&[&first, flags, &["host"], program].concat());
    };
    run(
        "cmd",
        &["--health-cmd", "test -e /tmp/well"],
        &["sleep", "1000"],
    );
    is("cmd", "unhealthy");
    assert!(wharf.ok(&["ps"]).contains("(unhealthy)"));
    wharf.ok(&["exec", "cmd", "touch", "/tmp/well"]);
    is("cmd", "healthy");
    let log = wharf.inspect("cmd", "/State/Health/Log");
    assert!(log.as_array().unwrap().len() <= 5, "{log}");
    assert_eq!(
        wharf
            .ok(&["ps", "-q", "--filter", "health=healthy"])
            .lines()
            .count(),
        1
    );
    run("file", &["--health-file", "/tmp/well"], &["sleep", "1000"]);
    is("file", "unhealthy");
    wharf.ok(&["exec", "file", "touch", "/tmp/well"]);
    is("file", "healthy");
}

#[test]
fn an_unhealthy_container_is_killed_stopped_or_started_again() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let run = |name: &str, action: &str| {
        wharf.ok(&[
            "run",
            "-d",
            "--name",
            name,
            "--health-cmd",
            "exit 1",
            "--health-interval",
            "50ms",
            "--health-retries",
            "1",
            "--health-on-failure",
            action,
            "--stop-timeout",
            "0",
            "host",
            "sleep",
            "1000",
        ]);
    };
    run("killed", "kill");
    until("its end", || {
        wharf.inspect("killed", "/State/Status") == "exited"
    });
    assert_eq!(wharf.inspect("killed", "/State/ExitCode"), 137);
    run("stopped", "stop");
    until("its end", || {
        wharf.inspect("stopped", "/State/Status") == "exited"
    });
    run("again", "restart");
    until("a second life", || {
        wharf.inspect("again", "/RestartCount") != 0
    });
    wharf.ok(&["rm", "-f", "again"]);
    let slow = [
        "run",
        "-d",
        "--name",
        "slow",
        "--health-cmd",
        "sleep 100",
        "--health-interval",
        "50ms",
        "--health-timeout",
        "100ms",
        "--health-retries",
        "1",
        "host",
        "sleep",
        "1000",
    ];
    wharf.ok(&slow);
    until("a time-out", || {
        let log = wharf.inspect("slow", "/State/Health/Log").to_string();
        log.contains("exceeded timeout")
    });
}

#[test]
fn a_log_is_bounded_and_no_line_between_its_files_is_lost() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done";
    let words = [
        "run",
        "--name",
        "web",
        "--log-opt",
        "max-size=64k",
        "--log-opt",
        "max-file=3",
        "host",
        "sh",
        "-c",
        script,
    ];
    wharf.ok(&words);
    let text = wharf.ok(&["logs", "web"]);
    let numbers: Vec<u32> = text
        .lines()
        .map(|line| line[5..].parse().unwrap())
        .collect();
    assert_eq!(*numbers.last().unwrap(), 2999);
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    let path = wharf.inspect("web", "/LogPath");
    let size = |suffix: &str| {
        let path = format!("{}{suffix}", path.as_str().unwrap());
        std::fs::metadata(path).map(|metadata| metadata.len())
    };
    for suffix in ["", ".1", ".2"] {
        assert!(size(suffix).unwrap() < 65 << 10, "{suffix}");
    }
    assert!(size(".3").is_err());
    let config = wharf.inspect("web", "/HostConfig/LogConfig/Config");
    assert_eq!(config["max-file"], "3");
    wharf.ok(&["create", "--name", "plain", "host", "true"]);
    let config = wharf.inspect("plain", "/HostConfig/LogConfig/Config");
    assert_eq!(
        (&config["max-size"], &config["max-file"]),
        (&"10485760".into(), &"3".into())
    );
}

#[test]
fn a_log_can_have_kubernetes_form() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let words = [
        "run",
        "--name",
        "web",
        "--log-driver",
        "k8s-file",
        "host",
        "sh",
        "-c",
        "echo a; echo b >&2; printf c",
    ];
    wharf.run(&words);
    let outcome = wharf.run(&["logs", "web"]);
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("a\nc", "b\n")
    );
    let path = wharf.inspect("web", "/LogPath");
    let text = std::fs::read_to_string(path.as_str().unwrap()).unwrap();
    assert!(
        text.lines().next().unwrap().ends_with(" stdout F a"),
        "{text}"
    );
    if !std::path::Path::new("/run/systemd/journal/socket").exists() {
        let words = ["run", "--rm", "--log-driver", "journald", "host", "true"];
        assert!(wharf.fails(&words).1.contains("journald"));
    }
}

#[test]
fn an_end_is_written_down_with_its_cause() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let end = |name: &str| -> Value {
        let id = wharf.inspect(name, "/Id");
        let path = format!("data/containers/{}/exit.json", id.as_str().unwrap());
        serde_json::from_slice(&std::fs::read(wharf.path(&path)).unwrap()).unwrap()
    };
    wharf.sleeper("web");
    wharf.ok(&["stop", "-t", "0", "web"]);
    let record = end("web");
    assert_eq!(
        (&record["sent"]["by"], &record["sent"]["signal"]),
        (&"stop".into(), &9.into())
    );
    assert!(
        record["memory_peak"].as_u64().unwrap() > 0 && record["cpu_time"].as_u64().unwrap() > 0
    );
    let hog = "head -c 200m /dev/zero | tail > /dev/null";
    wharf.run(&["run", "--name", "hog", "-m", "32m", "host", "sh", "-c", hog]);
    let record = end("hog");
    assert_eq!(record["oom_killed"], true);
    if std::fs::File::open("/dev/kmsg").is_ok() {
        assert_eq!(record["oom_kill"]["process"], "tail", "{record}");
        assert!(
            record["oom_kill"]["resident"].as_u64().unwrap() > 1 << 20,
            "{record}"
        );
    }
}
