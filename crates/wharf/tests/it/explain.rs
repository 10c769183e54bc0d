//! What a container is made of: told, and made again by hand.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Outcome, Wharf, is_root};

fn explanation(wharf: &Wharf, name: &str) -> Value {
    serde_json::from_str(&wharf.ok(&["explain", "--format", "json", name])).unwrap()
}

fn namespace(pid: &str, kind: &str) -> String {
    let link = std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
    link.to_str().unwrap().to_owned()
}

#[test]
fn what_is_told_is_what_the_kernel_says() {
    let wharf = Wharf::new();
    wharf.sleeper("web");
    wharf.ok(&[
        "run",
        "-d",
        "--name",
        "beside",
        "--network",
        "container:web",
        "host",
        "sleep",
        "1000",
    ]);
    let told = explanation(&wharf, "web");
    let pid = told["Pid"].to_string();
    for space in told["Namespaces"].as_array().unwrap() {
        let kind = space["Kind"].as_str().unwrap();
        let link = namespace(&pid, kind);
        assert_eq!(link, format!("{kind}:[{}]", space["Id"]));
        let is_hosts = link == namespace("self", kind);
        assert_eq!(space["Whose"] == "host", is_hosts, "{kind}");
        let shared = ["net", "user"].contains(&kind);
        assert_eq!(
            space["SharedWith"].to_string().contains("beside"),
            shared,
            "{kind}"
        );
    }
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:\t"))
        .unwrap();
    let effective = u64::from_str_radix(effective, 16).unwrap();
    let capabilities = told["Rights"]["Capabilities"].as_array().unwrap();
    assert_eq!(capabilities.len(), effective.count_ones() as usize);
    let denied = told["Rights"]["SystemCalls"]["Denied"].to_string();
    assert!(denied.contains("\"mount\""), "{denied}");
    let drawn = wharf.ok(&["explain", "web"]);
    for word in [
        "├─ namespaces",
        "shared with beside",
        "made from host",
        "net_bind_service",
    ] {
        assert!(drawn.contains(word), "{word} in {drawn}");
    }
    wharf.ok(&["stop", "-t", "0", "beside", "web"]);
    assert!(
        wharf.ok(&["explain", "web"]).contains("(writes|layer)")
            || wharf.ok(&["explain", "web"]).contains("writes ")
    );
    let (_, why) = wharf.fails(&["explain", "--commands", "web"]);
    assert!(why.contains("web is exited"), "{why}");
}

#[test]
fn each_file_of_the_cgroup_that_was_written_is_told() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run",
        "-d",
        "--name",
        "web",
        "-m",
        "64m",
        "--pids-limit",
        "50",
        "host",
        "sleep",
        "1000",
    ]);
    let told = explanation(&wharf, "web");
    let settings = told["Cgroup"]["Settings"].as_array().unwrap();
    let memory = settings
        .iter()
        .find(|setting| setting["Written"] == "67108864")
        .unwrap();
    assert_eq!(memory["Value"], "67108864");
    let text = std::fs::read_to_string(memory["File"].as_str().unwrap()).unwrap();
    assert_eq!(text.trim(), "67108864");
    assert!(told["Cgroup"]["Used"]["Pids"] == 1, "{told}");
    assert!(wharf.ok(&["explain", "web"]).contains("pids.max = 50"));
}

/// Runs the container's script with a shell line in place of its program.
fn by_hand(wharf: &Wharf, name: &str, line: &str) -> Outcome {
    let script = wharf.path(&format!("{name}.sh"));
    std::fs::write(&script, wharf.ok(&["explain", "--commands", name])).unwrap();
    let mut shell = Command::new("sh");
    shell.arg(script).args(["sh", "-c", line]).current_dir("/");
    shell.output().unwrap().into()
}

/// The words after a heading, up to the next one.
fn section<'a>(text: &'a str, heading: &str) -> BTreeSet<&'a str> {
    let after = text.split(&format!("[{heading}]\n")).nth(1).unwrap();
    after
        .lines()
        .take_while(|line| !line.starts_with('['))
        .collect()
}

/// What a program sees of what it is in, in a form that can be compared.
const LOOK: &str = "echo [files]; ls /; cat /mark /srv/mark
    echo [mounts]; while read -r _ _ _ _ to _; do echo $to; done < /proc/self/mountinfo
    echo [rights]; grep -E '^(Cap|NoNewPrivs|Uid|Gid)' /proc/self/status; ulimit -n
    echo [map]; cat /proc/self/uid_map /proc/self/gid_map; cat /proc/sys/kernel/hostname
    echo [limits]; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max \
        /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null
    echo [devices]; ls /dev
    echo [spaces]; for k in user mnt pid net ipc uts cgroup time; do readlink /proc/self/ns/$k; done";

fn assert_made_alike(wharf: &Wharf, flags: &[&str], new: &[&str]) {
    let source = wharf.path("srv");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("mark"), "from the volume\n").unwrap();
    let volume = format!("{}:/srv:ro", source.display());
    let words = ["run", "-d", "--name", "web", "-v", &volume];
    let program = ["host", "sh", "-c", "echo written > /mark; sleep 1000"];
    wharf.ok(&[&words[..], flags, &program[..]].concat());
    while wharf.run(&["exec", "web", "cat", "/mark"]).stdout != "written\n" {
        std::thread::yield_now();
    }
    let inside = wharf.ok(&["exec", "web", "sh", "-c", LOOK]);
    let outcome = by_hand(wharf, "web", LOOK);
    let made = &outcome.stdout;
    for heading in ["files", "mounts", "rights", "map", "limits", "devices"] {
        assert_eq!(
            section(made, heading),
            section(&inside, heading),
            "{heading}: {outcome:?}"
        );
    }
    let spaces = section(made, "spaces");
    for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"] {
        let is_hosts = spaces.contains(namespace("self", kind).as_str());
        assert_eq!(is_hosts, !new.contains(&kind), "{kind}: {spaces:?}");
    }
    let left = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!left.contains("by-hand"), "{left}");
}

const ALL_BUT_TIME: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

#[test]
fn the_commands_make_the_same_container() {
    let wharf = Wharf::new();
    let limits: &[&str] = match rustix::process::geteuid().is_root() {
        true => &["-m", "64m", "--pids-limit", "50"],
        false => &[],
    };
    let flags = [limits, &["--tmpfs", "/scratch", "--hostname", "made"]].concat();
    assert_made_alike(&wharf, &flags, &ALL_BUT_TIME);
}

#[test]
fn the_commands_make_a_container_with_fewer_rights() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let flags = [
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--time-offset",
        "monotonic=500",
        "--ulimit",
        "nofile=100:200",
        "--sysctl",
        "net.ipv4.ip_default_ttl=33",
    ];
    assert_made_alike(&wharf, &flags, &[&ALL_BUT_TIME[..], &["time"]].concat());
}

#[test]
fn the_commands_make_a_privileged_container() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let new = ["mnt", "pid", "net", "ipc", "uts", "cgroup"];
    assert_made_alike(&wharf, &["--privileged"], &new);
}

#[test]
fn the_commands_join_what_is_shared() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.sleeper("net");
    let flags = ["--network", "container:net"];
    assert_made_alike(&wharf, &flags, &ALL_BUT_TIME);
    let line = "readlink /proc/self/ns/net /proc/self/ns/user";
    let both = by_hand(&wharf, "web", line).stdout;
    let pid = wharf.inspect("net", "/State/Pid").to_string();
    assert_eq!(
        both,
        format!("{}\n{}\n", namespace(&pid, "net"), namespace(&pid, "user"))
    );
}
