//! Between `create` and the program: a container without a process, hooks below the filter, a
//! configuration through a descriptor, what `--debug` says, and telling the service manager.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::harness::is_root;

#[test]
fn a_container_without_a_process_is_created_and_not_started() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    bundle.config.as_object_mut().unwrap().remove("process");
    bundle.create();
    assert_eq!(bundle.state("status"), "created");
    let message = bundle.fails(&["start", "box"]);
    assert!(
        message.contains("process: a container cannot be started"),
        "{message}"
    );
    assert_eq!(bundle.state("status"), "created");
    let message = bundle.fails(&["run", "other"]);
    assert!(
        message.contains("process: a container cannot be started"),
        "{message}"
    );
    bundle.end();
}

#[test]
fn the_filter_is_for_start_hooks_too() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    let hook = json!([{"path": "/usr/bin/mkdir", "args": ["mkdir", "/tmp/x"]}]);
    bundle.config["hooks"] = json!({"startContainer": hook});
    bundle.config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99}]});
    let message = bundle.fails(&["run", "box"]);
    assert!(
        message.contains("error running startContainer hook #0"),
        "{message}"
    );
    assert!(message.contains("requested address"), "{message}");
    bundle.assert_nothing_left();
}

#[test]
fn a_process_may_come_through_a_descriptor() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    let process = json!({"args": ["echo", "hello"], "cwd": "/", "env": ["PATH=/usr/bin"]});
    let (theirs, mut ours) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut ours, process.to_string().as_bytes()).unwrap();
    drop(ours);
    let output = bundle
        .command()
        .args(bundle.words(&["exec", "--process", "/dev/fd/0", "box"]))
        .stdin(Stdio::from(theirs))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "hello\n",
        "{output:?}"
    );
    // One that is not a standard stream is closed before anybody of ours is seen inside.
    let (theirs, mut ours) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut ours, process.to_string().as_bytes()).unwrap();
    drop(ours);
    let command = bundle.command();
    let output = std::process::Command::new("sh")
        .args(["-c", "exec \"$@\" 7<&0 </dev/null", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .args(bundle.words(&["exec", "--process", "/dev/fd/7", "box"]))
        .stdin(Stdio::from(theirs))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "hello\n",
        "{output:?}"
    );
    bundle.end();
}

#[test]
fn debug_says_what_is_done_where_errors_go() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    bundle.config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW",
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]});
    let quiet = bundle.run(&["run", "box"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
    let told = bundle.run(&["--debug", "run", "box"]);
    assert_eq!(told.code, 0, "{told:?}");
    for words in [
        "level=debug msg=\"nsexec container setup: ",
        "level=debug msg=\"seccomp filter flags: 2\"",
        "level=debug msg=\"child process in init()",
        "level=debug msg=\"init: closing the pipe to signal completion",
    ] {
        assert!(told.stderr.contains(words), "{words}: {told:?}");
    }
    let log = bundle.path("log");
    let words = [
        "--debug",
        "--log",
        log.to_str().unwrap(),
        "--log-format",
        "json",
        "run",
        "box",
    ];
    let told = bundle.run(&words);
    assert_eq!((told.code, told.stderr.as_str()), (0, ""));
    let text = std::fs::read_to_string(log).unwrap();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(line["level"], "debug");
    bundle.assert_nothing_left();
}

#[test]
fn without_a_cgroup_manager_there_is_no_cgroup_and_no_limit() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["cat", "/proc/self/cgroup"]);
    let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != "cgroup");
    bundle.config["linux"]["resources"] = json!({});
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let theirs = bundle.ok(&["--cgroup-manager=disabled", "run", "box"]);
    assert_eq!(theirs.trim(), own.trim());
    bundle.config["linux"]["resources"] = json!({"pids": {"limit": 10}});
    let message = bundle.fails(&["--cgroup-manager=disabled", "run", "box"]);
    assert!(message.contains("linux.resources has limits"), "{message}");
    bundle.assert_nothing_left();
}

/// Says that it is ready, and something that is not for the host.
const SPEAKER: &str = "use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; \
                       $to = pack_sockaddr_un($ENV{NOTIFY_SOCKET}); \
                       send(S, \"MAINPID=1\", 0, $to) or die; \
                       send(S, \"STATUS=up\\nREADY=1\", 0, $to) or die;";

fn manager(bundle: &Bundle) -> (UnixDatagram, String) {
    let path = bundle.path("manager");
    let socket = UnixDatagram::bind(&path).unwrap();
    let limit = Some(Duration::from_secs(60));
    socket.set_read_timeout(limit).unwrap();
    (socket, path.to_str().unwrap().to_owned())
}

/// What the manager is told, up to the barrier.
fn told(socket: &UnixDatagram) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        let mut words = [0; 256];
        // A descriptor that comes along and is not taken is closed: the barrier is passed.
        let length = socket.recv(&mut words).unwrap();
        let words = String::from_utf8_lossy(&words[..length]).trim().to_owned();
        if words == "BARRIER=1" {
            return heard;
        }
        heard.push(words);
    }
}

fn speaks(last: &str) -> Bundle {
    Bundle::new(&["perl", "-e", &format!("{SPEAKER}{last}")])
}

#[test]
fn the_service_manager_hears_that_a_detached_container_is_ready() {
    if !is_root() {
        return;
    }
    let bundle = speaks("sleep 1000");
    let (socket, path) = manager(&bundle);
    let mut command = bundle.command();
    command.args(bundle.words(&["run", "--detach", "box"]));
    command.env("NOTIFY_SOCKET", &path);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let heard = told(&socket);
    assert!(child.wait().unwrap().success());
    let pid = bundle.state("pid");
    assert_eq!(heard, ["READY=1".to_owned(), format!("MAINPID={pid}")]);
    bundle.end();
}

#[test]
fn start_waits_until_the_container_is_ready_and_says_so() {
    if !is_root() {
        return;
    }
    let bundle = speaks("sleep 1000");
    let (socket, path) = manager(&bundle);
    let verb = |words: &[&str]| {
        let mut command = bundle.command();
        command
            .args(bundle.words(words))
            .env("NOTIFY_SOCKET", &path);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    assert!(verb(&["create", "box"]).wait().unwrap().success());
    let mut child = verb(&["start", "box"]);
    let heard = told(&socket);
    assert!(child.wait().unwrap().success());
    assert_eq!(heard.first().map(String::as_str), Some("READY=1"));
    bundle.end();
}

#[test]
fn a_container_that_ends_without_a_word_keeps_nobody_waiting() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["true"]);
    let (socket, path) = manager(&bundle);
    let mut command = bundle.command();
    command.args(bundle.words(&["run", "--detach", "box"]));
    let status = command.env("NOTIFY_SOCKET", &path).status().unwrap();
    assert!(status.success());
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 16]).is_err());
    bundle.end();
}

#[test]
fn in_the_foreground_we_are_the_process_to_watch() {
    if !is_root() {
        return;
    }
    let bundle = speaks("");
    let (socket, path) = manager(&bundle);
    let mut command = bundle.command();
    command
        .args(bundle.words(&["run", "box"]))
        .env("NOTIFY_SOCKET", &path);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id();
    let heard = told(&socket);
    assert!(child.wait().unwrap().success());
    assert_eq!(heard, ["READY=1".to_owned(), format!("MAINPID={pid}")]);
    bundle.assert_nothing_left();
}

#[test]
fn a_service_manager_that_is_not_there_is_found_out_before_the_start() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["touch", "/started"]);
    let mut command = bundle.command();
    command.args(bundle.words(&["run", "box"]));
    let output = command.env("NOTIFY_SOCKET", "/nowhere").output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("NOTIFY_SOCKET /nowhere"), "{message}");
    assert!(!bundle.path("rootfs/started").exists());
    bundle.assert_nothing_left();
}
