//! What happens, as `wharf events` tells it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use crate::harness::{Wharf, is_root};

/// Somebody who follows.
struct Follower {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Follower {
    fn new(wharf: &Wharf, words: &[&str]) -> Self {
        // From the beginning on: nothing is missed, however late it gets up.
        let first = ["events", "--since", "1970-01-01", "--format", "json"];
        let mut child = wharf
            .command()
            .args(first)
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    /// What follows, up to an action.
    fn up_to(&mut self, action: &str) -> Vec<String> {
        let mut actions = Vec::new();
        loop {
            let event = self.next();
            actions.push(event["Action"].as_str().unwrap().to_owned());
            if actions.last().unwrap() == action {
                return actions;
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The events so far, in Docker's words.
fn past(wharf: &Wharf, words: &[&str]) -> Vec<String> {
    let range = ["events", "--since", "1970-01-01", "--until", "0s"];
    let text = wharf.ok(&[&range, words].concat());
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_verb_is_told_to_all_who_follow() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&["ps"]);
    let filter = ["--filter", "container=web", "--filter", "container=web2"];
    let mut followers = [(), ()].map(|()| Follower::new(&wharf, &filter));
    let id = wharf.sleeper("web");
    wharf.ok(&["exec", "web", "true"]);
    wharf.ok(&["pause", "web"]);
    wharf.ok(&["unpause", "web"]);
    wharf.ok(&["update", "--pids-limit", "50", "web"]);
    wharf.ok(&["restart", "-t", "0", "web"]);
    wharf.ok(&["rename", "web", "web2"]);
    wharf.ok(&["kill", "web2"]);
    wharf.ok(&["wait", "web2"]);
    wharf.ok(&["rm", "web2"]);
    let expected = [
        "create",
        "start",
        "exec_create: true",
        "exec_start: true",
        "exec_die",
        "pause",
        "unpause",
        "update",
        "kill",
        "kill",
        "die",
        "stop",
        "start",
        "restart",
        "rename",
        "kill",
        "die",
        "destroy",
    ];
    for follower in &mut followers {
        assert_eq!(follower.up_to("destroy"), expected);
    }
    let lines = past(
        &wharf,
        &["--filter", "event=die", "--filter", "container=web2"],
    );
    let (_, words) = lines[0].split_once(' ').unwrap();
    assert!(
        words.starts_with(&format!("container die {id} (execDuration="))
            && words.ends_with(", exitCode=137, image=host, name=web2)"),
        "{words}"
    );
    let rename = &past(&wharf, &["--filter", "event=rename"])[0];
    assert!(
        rename.ends_with("(image=host, name=web2, oldName=/web)"),
        "{rename}"
    );
    let kills = past(
        &wharf,
        &[
            "--filter",
            "event=kill",
            "--format",
            "{{.Actor.Attributes.signal}}",
        ],
    );
    assert_eq!(kills, ["15", "9", "9"]);
}

#[test]
fn a_container_that_is_removed_at_its_end_is_told_of_whole() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.run(&[
        "run", "--rm", "--label", "a=b", "host", "sh", "-c", "exit 3",
    ]);
    wharf.assert_nothing_left();
    let format = [
        "--format",
        "{{.Type}} {{.Action}} {{.Actor.Attributes.exitCode}} {{.From}}",
    ];
    let told = past(&wharf, &[&format[..], &["--filter", "label=a=b"]].concat());
    let none = "<no value>";
    assert_eq!(told[0], format!("container create {none} host"));
    assert_eq!(told[1], format!("container attach {none} host"));
    assert_eq!(told[2], format!("container start {none} host"));
    assert_eq!(told[3], "container die 3 host");
    assert_eq!(told[4], format!("container destroy {none} host"));
    assert_eq!(told.len(), 5);
}

#[test]
fn what_the_monitor_sees_is_told() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let mut follower = Follower::new(&wharf, &["--filter", "type=container"]);
    let health = [
        "--health-cmd",
        "test -e /tmp/well",
        "--health-interval",
        "50ms",
    ];
    let retries = ["--health-retries", "1", "host", "sleep", "1000"];
    wharf.ok(&[&["run", "-d", "--name", "web"], &health[..], &retries].concat());
    follower.up_to("health_status: unhealthy");
    wharf.ok(&["exec", "web", "touch", "/tmp/well"]);
    follower.up_to("health_status: healthy");
    // One of its processes is killed; the container lives on.
    let hog = "head -c 200m /dev/zero | tail > /dev/null; sleep 1000";
    wharf.ok(&[
        "run", "-d", "--name", "hog", "-m", "32m", "host", "sh", "-c", hog,
    ]);
    follower.up_to("oom");
    assert_eq!(wharf.inspect("hog", "/State/Running"), true);
    wharf.ok(&[
        "run",
        "-d",
        "--name",
        "again",
        "--restart",
        "on-failure:1",
        "host",
        "false",
    ]);
    for action in ["start", "die", "start", "die"] {
        let event = loop {
            let event = follower.next();
            if event["Actor"]["Attributes"]["name"] == "again" && event["Action"] != "create" {
                break event;
            }
        };
        assert_eq!(event["Action"], action);
    }
}

#[test]
fn a_monitor_that_is_killed_is_an_end_that_is_told() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.sleeper("web");
    let pid = wharf.inspect("web", "/State/Pid").as_i64().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let monitor = fields.split(' ').nth(1).unwrap().parse().unwrap();
    let monitor = rustix::process::Pid::from_raw(monitor).unwrap();
    rustix::process::kill_process(monitor, rustix::process::Signal::KILL).unwrap();
    while wharf.inspect("web", "/State/Running") == true {}
    let exits = [
        "--filter",
        "event=die",
        "--format",
        "{{.Actor.Attributes.exitCode}}",
    ];
    while past(&wharf, &exits) != ["137"] {}
}

#[test]
fn volumes_and_images_have_events_too() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&["volume", "create", "data"]);
    wharf.ok(&["run", "--rm", "-v", "data:/data", "host", "true"]);
    wharf.assert_nothing_left();
    wharf.ok(&["volume", "rm", "data"]);
    let told = past(
        &wharf,
        &["--filter", "volume=data", "--format", "{{.Action}}"],
    );
    assert_eq!(told, ["create", "mount", "unmount", "destroy"]);
    wharf.ok(&["image", "from-host", "--tag", "tiny", "/bin/true"]);
    wharf.ok(&["tag", "tiny", "other"]);
    wharf.ok(&["rmi", "tiny", "other"]);
    let told = past(
        &wharf,
        &["--filter", "type=image", "--format", "{{.Action}}"],
    );
    assert_eq!(told, ["tag", "untag", "untag", "delete"]);
    wharf.ok(&["volume", "prune", "-af"]);
    let told = past(
        &wharf,
        &[
            "--filter",
            "event=prune",
            "--format",
            "{{.Type}} {{.Actor.Attributes.reclaimed}}",
        ],
    );
    assert_eq!(told, ["volume 0"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let wharf = Wharf::new();
    for (words, why) in [
        (
            &["--filter", "colour=red"][..],
            "there is no filter \"colour\" here",
        ),
        (&["--filter", "red"], "expected KEY=VALUE"),
        (&["--since", "soon"], "invalid time \"soon\""),
        (&["--format", "{{.ID"], "is not closed"),
        (&["--since", "1m", "--until", "2m"], "until is before since"),
    ] {
        let (code, words) = wharf.fails(&[&["events"], words].concat());
        assert!(code == 1 && words.contains(why), "{words}");
    }
}
