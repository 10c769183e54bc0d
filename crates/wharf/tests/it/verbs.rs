//! Verbs about containers beside their life: names, limits, lists, processes and figures.

use serde_json::Value;

use crate::harness::{Wharf, is_root};

#[test]
fn a_container_can_be_renamed_while_it_runs() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let id = wharf.sleeper("web");
    wharf.sleeper("db");
    let (code, message) = wharf.fails(&["rename", "web", "db"]);
    assert_eq!(code, 1);
    assert!(message.contains("the name \"db\" is in use"), "{message}");
    wharf.ok(&["rename", "web", "shop"]);
    assert_eq!(wharf.inspect(&id, "/Name"), "/shop");
    assert_eq!(wharf.fails(&["inspect", "web"]).0, 1);
    // The old name is free at once, and the monitor knows the container by its id.
    wharf.ok(&["rename", "db", "web"]);
    assert_eq!(wharf.ok(&["exec", "shop", "echo", "hello"]), "hello");
    wharf.ok(&["kill", "shop"]);
    assert_eq!(wharf.ok(&["wait", "shop"]), "137");
}

#[test]
fn a_container_that_is_not_to_stay_frees_the_name_it_was_given_later() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run", "-d", "--rm", "--name", "web", "host", "sleep", "1000",
    ]);
    wharf.ok(&["rename", "web", "shop"]);
    wharf.ok(&["rm", "-f", "shop"]);
    wharf.assert_nothing_left();
}

#[test]
fn restarting_ends_a_container_and_starts_it_again() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.sleeper("web");
    let pid = wharf.inspect("web", "/State/Pid");
    assert_eq!(wharf.ok(&["restart", "-t", "0", "web"]), "web");
    assert_ne!(wharf.inspect("web", "/State/Pid"), pid);
    assert_eq!(wharf.inspect("web", "/State/Running"), true);
    wharf.ok(&["create", "--name", "new", "host", "sleep", "1000"]);
    wharf.ok(&["restart", "new"]);
    assert_eq!(wharf.inspect("new", "/State/Running"), true);
    assert_eq!(wharf.fails(&["restart", "none"]).0, 1);
}

#[test]
fn a_created_container_can_be_one_that_is_removed_at_its_end() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&["create", "--rm", "--name", "web", "host", "echo", "done"]);
    assert_eq!(wharf.inspect("web", "/State/Status"), "created");
    assert_eq!(wharf.ok(&["start", "-a", "web"]), "done");
    while wharf.run(&["inspect", "web"]).code == 0 {}
    wharf.assert_nothing_left();
}

/// A file of the container's cgroup: v1's, or v2's.
fn limit_inside(wharf: &Wharf, v1: &str, v2: &str) -> String {
    let script = format!("cat /sys/fs/cgroup/{v1} 2>/dev/null || cat /sys/fs/cgroup/{v2}");
    wharf.ok(&["exec", "web", "sh", "-c", &script])
}

#[test]
fn new_limits_hold_at_once_and_after_a_restart() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run", "-d", "-m", "64m", "--name", "web", "host", "sleep", "1000",
    ]);
    let memory = |wharf: &Wharf| limit_inside(wharf, "memory/memory.limit_in_bytes", "memory.max");
    assert_eq!(memory(&wharf), (64 << 20).to_string());
    wharf.ok(&[
        "update",
        "-m",
        "48m",
        "--pids-limit",
        "9",
        "--cpu-shares",
        "512",
        "web",
    ]);
    assert_eq!(memory(&wharf), (48 << 20).to_string());
    assert_eq!(limit_inside(&wharf, "pids/pids.max", "pids.max"), "9");
    assert_eq!(wharf.inspect("web", "/HostConfig/CpuShares"), 512);
    wharf.ok(&["restart", "-t", "0", "web"]);
    assert_eq!(memory(&wharf), (48 << 20).to_string());
    let (code, message) = wharf.fails(&["update", "-m", "1m", "web"]);
    assert_eq!(code, 1);
    assert!(message.contains("at least 6m"), "{message}");
    assert_eq!(memory(&wharf), (48 << 20).to_string());
    assert!(wharf.fails(&["update", "web"]).1.contains("name a limit"));
    let many = wharf.fails(&["update", "--cpus", "4096", "web"]).1;
    assert!(many.contains("CPUs here"), "{many}");
}

#[test]
fn processes_and_figures_are_those_of_the_container_alone() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run",
        "-d",
        "--name",
        "web",
        "host",
        "sh",
        "-c",
        "sleep 1234 & exec sleep 4321",
    ]);
    while wharf.ok(&["top", "web"]).lines().count() < 3 {}
    let top = wharf.ok(&["top", "web"]);
    assert!(
        top.starts_with("UID") && top.contains("sleep 1234"),
        "{top}"
    );
    assert!(top.contains("sleep 4321"), "{top}");
    let table = wharf.ok(&["top", "web", "-eo", "pid,comm"]);
    assert_eq!(
        table.lines().filter(|line| line.ends_with("sleep")).count(),
        2,
        "{table}"
    );
    let stats = wharf.ok(&["stats", "--no-stream", "--format", "json", "web"]);
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(
        (&stats["Name"], &stats["PIDs"]),
        (&"web".into(), &"2".into())
    );
    assert!(
        stats["MemUsage"].as_str().unwrap().contains("iB / "),
        "{stats}"
    );
    let header = wharf.ok(&["stats", "--no-stream"]);
    assert!(header.starts_with("CONTAINER ID   NAME "), "{header}");
    wharf.ok(&["kill", "web"]);
    wharf.ok(&["wait", "web"]);
    let (code, message) = wharf.fails(&["top", "web"]);
    assert_eq!((code, message.ends_with("it is not running")), (1, true));
}

#[test]
fn a_list_can_be_filtered_and_formatted() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run",
        "-d",
        "--name",
        "web",
        "--label",
        "tier=front",
        "host",
        "sleep",
        "1000",
    ]);
    wharf.run(&["run", "--name", "job", "host", "sh", "-c", "exit 3"]);
    wharf.ok(&[
        "create",
        "--name",
        "new",
        "--label",
        "tier=back",
        "host",
        "true",
    ]);
    let names = |words: &[&str]| {
        let list = wharf.ok(&[&["ps", "--format", "{{.Names}}"], words].concat());
        list.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["web"]);
    assert_eq!(names(&["-a"]), ["new", "job", "web"]);
    assert_eq!(names(&["--last", "2"]), ["new", "job"]);
    assert_eq!(names(&["-l"]), ["new"]);
    assert_eq!(names(&["--filter", "status=exited"]), ["job"]);
    assert_eq!(names(&["--filter", "exited=3"]), ["job"]);
    assert_eq!(names(&["-a", "--filter", "label=tier"]), ["new", "web"]);
    assert_eq!(names(&["-a", "--filter", "label=tier=back"]), ["new"]);
    assert_eq!(names(&["-a", "--filter", "name=^w"]), ["web"]);
    assert_eq!(
        names(&["-a", "--filter", "since=web", "--filter", "before=new"]),
        ["job"]
    );
    assert_eq!(names(&["-a", "--filter", "ancestor=host"]).len(), 3);
    let table = wharf.ok(&["ps", "--format", "table {{.Names}}\\t{{.Label \"tier\"}}"]);
    assert_eq!(table, "NAMES   LABEL\nweb     front");
    assert!(wharf.ok(&["ps", "-s"]).contains("(virtual "));
    assert!(
        wharf
            .fails(&["ps", "--filter", "colour=red"])
            .1
            .contains("no filter \"colour\"")
    );
    assert!(
        wharf
            .fails(&["ps", "--format", "{{.Nope}}"])
            .1
            .contains("\"Nope\"")
    );
    let state = wharf.ok(&[
        "inspect",
        "--format",
        "{{.State.Status}} {{json .Config.Labels}}",
        "web",
    ]);
    assert_eq!(state, "running {\"tier\":\"front\"}");
    assert!(
        wharf
            .ok(&["container", "prune", "-f"])
            .contains("Deleted Containers:")
    );
    assert_eq!(names(&["-a"]), ["web"]);
}

#[test]
fn a_log_can_be_cut_by_time() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run",
        "--name",
        "web",
        "host",
        "sh",
        "-c",
        "echo a; echo b >&2; echo c",
    ]);
    let lines = wharf.ok(&["logs", "-t", "web"]);
    let middle = lines.lines().nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(wharf.ok(&["logs", "--since", "1h", "web"]), "a\nc");
    assert_eq!(wharf.ok(&["logs", "--until", "1h", "web"]), "");
    let since = wharf.ok(&["logs", "--since", middle, "web"]);
    let until = wharf.ok(&["logs", "--until", middle, "--tail", "1", "web"]);
    assert!(
        since.ends_with('c') && !until.contains('b'),
        "{lines}: {since}, {until}"
    );
    assert!(
        wharf
            .fails(&["logs", "--since", "noon", "web"])
            .1
            .contains("invalid time")
    );
}
