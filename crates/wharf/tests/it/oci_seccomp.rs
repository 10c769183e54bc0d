//! System call filters by their effect, and the listener that decides what a filter leaves open.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirEntryExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::bundle::{Bundle, receive};
use crate::harness::is_root;

/// A bundle whose `mkdir` is decided by a listener.
fn asking(no_new_privileges: bool, args: &[&str]) -> (Bundle, UnixListener) {
    let mut bundle = Bundle::new(args);
    let path = bundle.path("agent");
    let listener = UnixListener::bind(&path).unwrap();
    bundle.config["process"]["noNewPrivileges"] = json!(no_new_privileges);
    bundle.config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": path,
        "listenerMetadata": "words for the agent",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}],
    });
    (bundle, listener)
}

fn spawn(bundle: &Bundle, words: &[&str]) -> Child {
    let mut command = bundle.command();
    command.args(bundle.words(words));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// What an agent gets: the state of the process, and the listener.
fn hear(listener: &UnixListener) -> (Value, OwnedFd) {
    let (connection, _) = listener.accept().unwrap();
    let (message, fds) = receive(&connection);
    let [fd] = <[OwnedFd; 1]>::try_from(fds).unwrap();
    let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap();
    assert_eq!(link.to_str(), Some("anon_inode:seccomp notify"));
    let (more, _) = receive(&connection);
    assert!(more.is_empty(), "one message is all");
    (serde_json::from_slice(&message).unwrap(), fd)
}

/// The words of a program whose question nobody answers any more.
const UNANSWERED: &str = "Function not implemented";
const MKDIR: [&str; 3] = ["sh", "-c", "mkdir /dev/shm/x 2>&1; true"];

#[test]
fn a_listener_is_handed_over_with_the_state_of_its_process() {
    if !is_root() {
        return;
    }
    for no_new_privileges in [false, true] {
        let (bundle, listener) = asking(no_new_privileges, &MKDIR);
        let run = spawn(&bundle, &["run", "box"]);
        let (state, fd) = hear(&listener);
        assert_eq!(state["ociVersion"], "1.3.0");
        assert_eq!(state["fds"], json!(["seccompFd"]));
        assert_eq!(state["metadata"], "words for the agent");
        assert!(state["pid"].as_i64().unwrap() > 1);
        assert_eq!(state["state"]["pid"], state["pid"]);
        assert_eq!(state["state"]["status"], "creating");
        assert_eq!(json!([state["state"]["id"]]), json!(bundle.words(&["box"])));
        // The program waits for the agent, and is told when there is none.
        drop(fd);
        let output = run.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(UNANSWERED), "{output:?}");
        bundle.assert_nothing_left();
    }
}

#[test]
fn a_listener_is_there_before_the_start_and_for_every_exec() {
    if !is_root() {
        return;
    }
    for no_new_privileges in [false, true] {
        let (bundle, listener) = asking(no_new_privileges, &["sleep", "1000"]);
        bundle.create();
        let (init, _kept) = hear(&listener);
        bundle.ok(&["start", "box"]);
        let exec = spawn(&bundle, &[&["exec", "box"], &MKDIR[..]].concat());
        let (state, fd) = hear(&listener);
        assert_eq!(state["state"]["pid"], init["pid"]);
        assert_ne!(state["pid"], init["pid"]);
        assert_eq!(state["state"]["status"], "running");
        drop(fd);
        let output = exec.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(UNANSWERED), "{output:?}");
        bundle.end();
    }
}

#[test]
fn a_listener_that_cannot_be_reached_is_an_error() {
    if !is_root() {
        return;
    }
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 5] = [
        ("failed to connect with seccomp agent", |seccomp| {
            seccomp["listenerPath"] = json!("/nowhere")
        }),
        ("listenerPath", |seccomp| {
            seccomp["listenerPath"] = json!("")
        }),
        ("cannot be used for the write syscall", |seccomp| {
            seccomp["syscalls"][0]["names"] = json!(["write"])
        }),
        ("default action", |seccomp| {
            seccomp["defaultAction"] = json!("SCMP_ACT_NOTIFY")
        }),
        ("needs a rule", |seccomp| {
            seccomp["syscalls"] = json!([]);
            seccomp["flags"] = json!(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]);
        }),
    ];
    for (expected, change) in cases {
        let (mut bundle, _listener) = asking(false, &MKDIR);
        change(&mut bundle.config["linux"]["seccomp"]);
        let message = bundle.fails(&["run", "box"]);
        assert!(message.contains(expected), "{expected}: {message}");
        bundle.assert_nothing_left();
    }
}

/// As with runc, a path to nobody does not matter when nobody is asked.
#[test]
fn a_filter_that_asks_nobody_needs_no_listener() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    bundle.config["linux"]["seccomp"] =
        json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/nowhere"});
    bundle.output();
}

#[test]
fn every_action_has_its_effect() {
    if !is_root() {
        return;
    }
    let cases = [
        ("SCMP_ACT_ERRNO", "1 Operation not permitted"),
        ("SCMP_ACT_KILL", "159"),
        ("SCMP_ACT_KILL_THREAD", "159"),
        ("SCMP_ACT_KILL_PROCESS", "159"),
        ("SCMP_ACT_TRAP", "159"),
        // Without a tracer there is no such call.
        ("SCMP_ACT_TRACE", "1 Function not implemented"),
        ("SCMP_ACT_LOG", "0"),
        ("SCMP_ACT_ALLOW", "0"),
    ];
    for (action, expected) in cases {
        // The shell's own words about a killed program do not matter.
        let script = "error=$(mkdir /dev/shm/x 2>&1) 2>/dev/null; echo $? ${error##*: }";
        let mut bundle = Bundle::new(&["sh", "-c", script]);
        bundle.config["process"]["rlimits"] =
            json!([{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]);
        let default = match action {
            "SCMP_ACT_ALLOW" => "SCMP_ACT_LOG",
            _ => "SCMP_ACT_ALLOW",
        };
        bundle.config["linux"]["seccomp"] = json!({"defaultAction": default,
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": action}]});
        assert_eq!(bundle.output(), expected, "{action}");
    }
}

#[test]
fn flags_are_those_of_the_kernel() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    let features: Value = serde_json::from_str(&bundle.ok(&["features"])).unwrap();
    let seccomp = &features["linux"]["seccomp"];
    let supported = seccomp["supportedFlags"].as_array().unwrap().clone();
    assert!(supported.contains(&json!("SECCOMP_FILTER_FLAG_LOG")));
    assert_eq!(seccomp["archs"].as_array().unwrap().len(), 23);
    bundle.config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW",
        "flags": supported, "listenerPath": bundle.path("agent"),
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]});
    let listener = UnixListener::bind(bundle.path("agent")).unwrap();
    let run = spawn(&bundle, &["run", "box"]);
    let _ = hear(&listener);
    assert!(run.wait_with_output().unwrap().status.success());
}

/// Docker's profile is compiled for the first container and found by the others, whoever runs them.
#[test]
fn a_profile_is_compiled_once_and_holds_each_time() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&MKDIR);
    let names: Vec<String> = (0..100)
        .map(|number| format!("no_such_call_{number}"))
        .collect();
    bundle.config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": names, "action": "SCMP_ACT_ALLOW"},
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
        ],
    });
    let filters = bundle.path("../run/filters");
    let mut kept = Vec::new();
    for _ in 0..3 {
        assert!(
            bundle
                .run(&["run", "box"])
                .stdout
                .contains("No space left on device")
        );
        let files = std::fs::read_dir(&filters).unwrap();
        kept.extend(files.map(|file| file.unwrap().ino()));
    }
    assert_eq!(kept, [kept[0]; 3], "one file, made once");
    // Another profile is another file, however alike.
    bundle.config["linux"]["seccomp"]["syscalls"][1]["errnoRet"] = json!(30);
    assert!(
        bundle
            .run(&["run", "box"])
            .stdout
            .contains("Read-only file system")
    );
    assert_eq!(std::fs::read_dir(&filters).unwrap().count(), 2);
    bundle.assert_nothing_left();
}
