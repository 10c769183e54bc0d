//! Nothing of whoever calls us reaches a container that was not asked for: descriptors, variables,
//! keys, terminals, signals, groups, limits of the monitor.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::{Wharf, is_root};

/// The words of a verb behind a shell that first does something to itself.
fn behind(bundle: &Bundle, prelude: &str, words: &[&str]) -> String {
    let command = bundle.command();
    let output = Command::new("bash")
        .args(["-c", &format!("{prelude}; exec \"$@\""), "bash"])
        .arg(command.get_program())
        .args(command.get_args())
        .args(bundle.words(words))
        .current_dir(bundle.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a program reports of itself, one fact a line.
const REPORT: &str = "env | sort; umask; ls /proc/self/fd | tr '\\n' ' '; echo; \
    grep -E '^(SigBlk|SigIgn|Groups|NoNewPrivs)' /proc/self/status; cat /proc/self/oom_score_adj; \
    cut -d' ' -f6,7 /proc/self/stat; ulimit -c; cat /proc/self/personality";

const PRELUDE: &str = "export SECRET=of-the-host; umask 077; exec 3</ 11</etc/passwd; \
    trap '' INT QUIT TERM USR1 PIPE HUP; ulimit -c 7; echo 500 > /proc/self/oom_score_adj";

#[test]
fn a_program_starts_the_same_whoever_started_it() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", REPORT]);
    bundle.config["process"]["rlimits"] = json!([{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]);
    bundle.config["process"]["oomScoreAdj"] = json!(100);
    let plain = behind(&bundle, ":", &["run", "box"]);
    assert_eq!(behind(&bundle, PRELUDE, &["run", "box"]), plain);
    for line in [
        "SigBlk:\t0000000000000000",
        "SigIgn:\t0000000000000000",
        "Groups:\t ",
    ] {
        assert!(plain.contains(line), "{line:?} is not in {plain}");
    }
    assert!(plain.contains("\n0022\n0 1 2 3 \n"), "{plain}");
    let report = [
        "exec",
        "--env",
        "PATH=/usr/bin:/bin",
        "box",
        "sh",
        "-c",
        REPORT,
    ];
    let bundle = Bundle::new(&["sleep", "1000"]);
    bundle.create();
    bundle.ok(&["start", "box"]);
    let plain = behind(&bundle, "ulimit -c 7", &report);
    let strip = |text: String| {
        // Sessions differ from exec to exec; a score that nobody asked for is the caller's.
        let lines = text.lines().filter(|line| line.parse::<i32>().is_err());
        let lines = lines.filter(|line| !line.contains(' ') || line.contains(':'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(strip(behind(&bundle, PRELUDE, &report)), strip(plain));
    bundle.end();
}

/// Supplementary groups of the caller are rights on the host's files.
#[test]
fn groups_of_the_caller_stay_outside() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["id", "-G"]);
    let command = bundle.command();
    let words = bundle.words(&["run", "box"]);
    let setpriv = Command::new("setpriv")
        .args(["--groups", "4,24,27"])
        .arg(command.get_program())
        .args(command.get_args())
        .args(words)
        .current_dir(bundle.path(""))
        .output();
    let Ok(output) = setpriv else {
        println!("skipped: needs setpriv");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n", "{output:?}");
}

/// A container has a session of its own, and no terminal of the caller to type into.
#[test]
fn the_callers_terminal_stays_outside() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&[
        "sh",
        "-c",
        "(exec 3<>/dev/tty) 2>&1; cut -d' ' -f6,7 /proc/$$/stat",
    ]);
    let command = bundle.command();
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_str().unwrap().to_owned())
        .chain(bundle.words(&["run", "box"]).into_iter().map(str::to_owned))
        .collect();
    // script(1) gives its command a terminal.
    let output = Command::new("script")
        .args([
            "--quiet",
            "--return",
            "--command",
            &words.join(" "),
            "/dev/null",
        ])
        .current_dir(bundle.path(""))
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        println!("skipped: needs script");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("No such device or address"), "{text}");
    assert!(text.contains("1 0"), "{text}");
}

/// The session keyring is one of the container's own, which its programs share.
#[test]
fn keys_of_the_caller_stay_outside() {
    if !is_root() {
        return;
    }
    if !std::path::Path::new("/proc/keys").exists() {
        println!("skipped: this kernel has no keys");
        return;
    }
    let start = |flags: &[&str]| {
        let mut bundle = Bundle::new(&[]);
        // Root sees those of other containers too.
        let list = format!("grep ' _ses[.]{}' /proc/keys | cut -d' ' -f1", bundle.id);
        bundle.config["process"]["args"] =
            json!(["sh", "-c", format!("{list} > /keys; exec sleep 1000")]);
        bundle.config["root"]["readonly"] = json!(false);
        bundle.config["linux"]["maskedPaths"] = json!([]);
        let words = [&["run", "--detach"], flags, &["box"]].concat();
        let mut command = bundle.command();
        command.args(bundle.words(&words));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        assert!(command.status().unwrap().success());
        while bundle.ok(&["exec", "box", "cat", "/proc/1/comm"]) != "sleep" {}
        let init = std::fs::read_to_string(bundle.path("rootfs/keys")).unwrap();
        let exec = bundle.ok(&["exec", "box", "sh", "-c", &list]);
        bundle.end();
        (init.trim().to_owned(), exec)
    };
    let (init, exec) = start(&[]);
    assert_eq!(init.lines().count(), 1, "{init:?}");
    assert_eq!(init, exec);
    assert_ne!(start(&[]).0, init, "two containers share a keyring");
    let (kept, _) = start(&["--no-new-keyring"]);
    assert_eq!(kept, "");
}

/// A monitor and a runtime leave no socket in a namespace that a container may share
/// (CVE-2020-15257), and nobody but their user can connect to those of the file system.
#[test]
fn no_socket_of_ours_can_be_reached_from_a_shared_network() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let words = ["run", "-d", "--network", "host", "host", "sh", "-c"];
    let id = wharf.ok(&[&words[..], &["grep @ /proc/net/unix; exec sleep 1000"]].concat());
    let logs = wharf.ok(&["logs", &id]);
    assert!(!logs.contains("wharf") && !logs.contains(&id), "{logs}");
    let socket = wharf.path("run/containers").join(&id).join("attach.sock");
    let mode = socket.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o022, 0, "others may connect: {mode:o}");
}
