//! `wharf oci`: the life of a container from a bundle, as runc's callers know it.

use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use crate::bundle::{Bundle, receive};
use crate::harness::is_root;

#[test]
fn a_container_is_created_started_killed_and_deleted() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "1000"]);
    bundle.create();
    assert_eq!(bundle.state("status"), "created");
    assert_eq!(
        bundle.state("bundle"),
        bundle.path("").to_str().unwrap().trim_end_matches('/')
    );
    bundle.ok(&["start", "box"]);
    assert_eq!(bundle.state("status"), "running");
    assert!(bundle.fails(&["start", "box"]).contains("running"));
    assert!(bundle.fails(&["delete", "box"]).contains("running"));
    assert!(bundle.fails(&["create", "box"]).contains("exists"));
    assert_eq!(
        [bundle.ok(&["list", "-q"]).as_str()],
        bundle.words(&["box"])[..]
    );
    let pids: Vec<i32> = serde_json::from_str(&bundle.ok(&["ps", "-f", "json", "box"])).unwrap();
    assert_eq!(json!(pids), json!([bundle.state("pid")]));
    assert!(
        bundle
            .ok(&["ps", "box"])
            .lines()
            .nth(1)
            .unwrap()
            .contains("sleep 1000")
    );
    bundle.ok(&["kill", "box", "KILL"]);
    while bundle.state("status") != "stopped" {}
    assert_eq!(bundle.state("pid"), 0);
    assert!(
        bundle
            .fails(&["kill", "box", "TERM"])
            .contains("container not running")
    );
    bundle.ok(&["delete", "box"]);
    assert!(bundle.fails(&["state", "box"]).contains("does not exist"));
    bundle.assert_nothing_left();
}

#[test]
fn run_ends_as_the_program_ended_and_leaves_nothing() {
    if !is_root() {
        return;
    }
    assert_eq!(
        Bundle::new(&["sh", "-c", "exit 7"])
            .run(&["run", "box"])
            .code,
        7
    );
    assert_eq!(
        Bundle::new(&["sh", "-c", "kill -9 $$"])
            .run(&["run", "box"])
            .code,
        0
    );
    let bundle = Bundle::new(&["sh", "-c", "sh -c 'kill -9 $$'"]);
    assert_eq!(bundle.run(&["run", "box"]).code, 137);
    bundle.assert_nothing_left();
}

#[test]
fn an_ordinary_user_runs_what_spec_writes() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::of_user(12_345, &["sh", "-c", "id -u; cat /proc/self/uid_map"]);
    let output = bundle.output();
    let words: Vec<_> = output.split_whitespace().collect();
    assert_eq!(words, ["0", "0", "12345", "1"]);
    bundle.assert_nothing_left();
}

#[test]
fn one_more_program_runs_in_a_running_container() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "1000"]);
    bundle.create();
    bundle.ok(&["start", "box"]);
    let script = "echo $A $PWD $(id -u) $(id -g)";
    let words = [
        "exec", "--env", "A=1", "--cwd", "/usr", "--user", "5:6", "box", "sh", "-c",
    ];
    assert_eq!(bundle.ok(&[&words[..], &[script]].concat()), "1 /usr 5 6");
    let process = json!({"args": ["sh", "-c", "exit 9"], "cwd": "/", "user": {"uid": 0, "gid": 0},
        "env": ["PATH=/usr/bin"]});
    std::fs::write(bundle.path("process.json"), process.to_string()).unwrap();
    assert_eq!(
        bundle
            .run(&["exec", "--process", "process.json", "box"])
            .code,
        9
    );
    let namespaces = "readlink /proc/self/ns/pid /proc/1/ns/pid | uniq | wc -l";
    assert_eq!(bundle.ok(&["exec", "box", "sh", "-c", namespaces]), "1");
    assert!(
        bundle
            .fails(&["exec", "box", "no-such-program"])
            .contains("no-such-program")
    );
    bundle.ok(&["delete", "--force", "box"]);
    bundle.assert_nothing_left();
}

#[test]
fn a_paused_container_stands_still() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "1000"]);
    bundle.create();
    bundle.ok(&["start", "box"]);
    bundle.ok(&["pause", "box"]);
    assert_eq!(bundle.state("status"), "paused");
    assert!(bundle.fails(&["exec", "box", "true"]).contains("paused"));
    bundle.ok(&["resume", "box"]);
    assert_eq!(bundle.state("status"), "running");
    bundle.ok(&["pause", "box"]);
    bundle.ok(&["delete", "--force", "box"]);
    bundle.assert_nothing_left();
}

#[test]
fn hooks_run_in_their_order_with_the_state_on_standard_input() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    let log = bundle.path("log");
    let log = log.to_str().unwrap();
    let points = [
        "prestart",
        "createRuntime",
        "createContainer",
        "poststart",
        "poststop",
    ];
    for point in points {
        let script = format!("echo {point} $(grep -o '\"status\":\"[a-z]*\"') >> {log}");
        let hook = json!({"path": "/bin/sh", "args": ["sh", "-c", script],
            "env": ["PATH=/usr/bin:/bin"]});
        bundle.config["hooks"][point] = json!([hook]);
    }
    bundle.create();
    // What is written there later is not for this container.
    bundle.config["hooks"] = json!({});
    bundle.ok(&["start", "box"]);
    bundle.ok(&["delete", "--force", "box"]);
    let log = std::fs::read_to_string(log).unwrap();
    let expected = [
        "prestart \"status\":\"created\"",
        "createRuntime \"status\":\"created\"",
        "createContainer \"status\":\"created\"",
        "poststart \"status\":\"running\"",
        "poststop \"status\":\"stopped\"",
    ];
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
}

/// The specification, "Lifecycle": steps 9 and 13.
#[test]
fn a_failing_hook_ends_a_start_but_no_deletion() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sleep", "1000"]);
    let hook = json!({"path": "/bin/sh", "args": ["sh", "-c", "echo no luck >&2; exit 1"]});
    bundle.config["hooks"] = json!({"poststart": [hook], "poststop": [hook]});
    bundle.create();
    assert!(bundle.fails(&["start", "box"]).contains("poststart"));
    assert_eq!(bundle.state("status"), "stopped");
    let outcome = bundle.run(&["delete", "box"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let is_told = outcome.stderr.contains("warning") && outcome.stderr.contains("no luck");
    assert!(is_told, "{outcome:?}");
    bundle.assert_nothing_left();
}

#[test]
fn a_failing_hook_ends_the_creation_and_says_so() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    let hook = json!({"path": "/bin/sh", "args": ["sh", "-c", "echo no luck >&2; exit 1"]});
    bundle.config["hooks"]["createRuntime"] = json!([hook]);
    let message = bundle.fails(&["run", "box"]);
    assert!(
        message.contains("createRuntime") && message.contains("no luck"),
        "{message}"
    );
    bundle.assert_nothing_left();
}

#[test]
fn a_hook_right_before_the_program_has_its_environment() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["cat", "/dev/shm/log"]);
    let script = "echo $A $(grep -o '\"status\":\"[a-z]*\"') > /dev/shm/log";
    let hook = json!({"path": "/bin/sh", "args": ["sh", "-c", script]});
    bundle.config["process"]["env"] = json!(["PATH=/usr/bin", "A=b"]);
    bundle.config["hooks"]["startContainer"] = json!([hook]);
    assert_eq!(bundle.output(), "b \"status\":\"created\"");
}

#[test]
fn a_hook_that_does_not_end_in_time_is_given_up() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    let hook = json!({"path": "/bin/sleep", "args": ["sleep", "1000"], "timeout": 1});
    bundle.config["hooks"]["createContainer"] = json!([{"path": "/bin/true"}, hook]);
    let message = bundle.fails(&["run", "box"]);
    assert!(
        message.contains("createContainer hook #1") && message.contains("1 s"),
        "{message}"
    );
    bundle.assert_nothing_left();
}

#[test]
fn the_terminal_goes_to_the_console_socket_and_the_pid_to_its_file() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", "tty; sleep 1000"]);
    bundle.config["process"]["terminal"] = json!(true);
    let socket = UnixListener::bind(bundle.path("socket")).unwrap();
    let words = [
        "create",
        "--console-socket",
        "socket",
        "--pid-file",
        "pid",
        "box",
    ];
    let create = bundle.command().args(bundle.words(&words)).spawn().unwrap();
    let (connection, _) = socket.accept().unwrap();
    let (_, fds) = receive(&connection);
    assert!(create.wait_with_output().unwrap().status.success());
    let pid = std::fs::read_to_string(bundle.path("pid")).unwrap();
    assert_eq!(pid, bundle.state("pid").to_string());
    bundle.ok(&["start", "box"]);
    let mut byte = [0; 4];
    let mut master = std::fs::File::from(fds.into_iter().next().unwrap());
    std::io::Read::read_exact(&mut master, &mut byte).unwrap();
    assert_eq!(&byte, b"/dev");
    bundle.ok(&["delete", "--force", "box"]);
}

#[test]
fn a_terminal_that_is_carried_to_ours_leaves_the_making_of_lines_to_it() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", "test -t 1 && echo a && echo b"]);
    bundle.config["process"]["terminal"] = json!(true);
    assert_eq!(bundle.output(), "a\nb");
    bundle.assert_nothing_left();
}

#[test]
fn errors_go_to_the_log_as_its_readers_parse_them() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["true"]);
    let log = bundle.path("log");
    let log = log.to_str().unwrap();
    let outcome = bundle.run(&["--log", log, "--log-format", "json", "state", "nobody"]);
    assert_eq!(outcome.code, 1);
    // Global options stand before the verb, after those of the harness.
    let line: Value = serde_json::from_str(&std::fs::read_to_string(log).unwrap()).unwrap();
    assert_eq!(line["level"], "error");
    assert!(line["msg"].as_str().unwrap().contains("nobody"));
}

#[test]
fn a_link_named_runc_is_the_runtime() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["echo", "hello"]);
    let link = bundle.path("runc");
    let command = bundle.command();
    std::os::unix::fs::symlink(command.get_program(), &link).unwrap();
    let root = bundle.path("state");
    let output = std::process::Command::new(link)
        .arg("--root")
        .arg(root)
        .args(["run", "--bundle"])
        .arg(bundle.path(""))
        .args(bundle.words(&["box"]))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "hello\n",
        "{output:?}"
    );
}

#[test]
fn a_bundle_that_cannot_be_is_refused_by_key_and_changes_nothing() {
    if !is_root() {
        return;
    }
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 6] = [
        ("process.args", |c| c["process"]["args"] = json!("sh")),
        ("process.cwd", |c| c["process"]["cwd"] = json!("relative")),
        ("root.path", |c| c["root"]["path"] = json!("nowhere")),
        ("linux.namespaces", |c| {
            c["linux"]["namespaces"][0]["type"] = json!("pidd")
        }),
        ("linux.intelRdt", |c| {
            c["linux"]["intelRdt"] = json!({"closID": "x"})
        }),
        ("no-such-program", |c| {
            c["process"]["args"] = json!(["no-such-program"])
        }),
    ];
    for (expected, change) in cases {
        let mut bundle = Bundle::new(&["true"]);
        change(&mut bundle.config);
        let message = bundle.fails(&["run", "box"]);
        assert!(message.contains(expected), "{expected}: {message}");
        bundle.assert_nothing_left();
    }
    let bundle = Bundle::new(&["true"]);
    let empty = bundle.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let message = bundle.fails(&["run", "--bundle", empty.to_str().unwrap(), "box"]);
    assert!(message.contains("config.json"), "{message}");
    assert!(bundle.fails(&["run", "../box"]).contains("../box"));
}

#[test]
fn features_name_what_is_there() {
    let bundle = match is_root() {
        true => Bundle::new(&["true"]),
        false => return,
    };
    let features: Value = serde_json::from_str(&bundle.ok(&["features"])).unwrap();
    assert_eq!(features["linux"]["namespaces"].as_array().unwrap().len(), 8);
    assert_eq!(features["linux"]["seccomp"]["enabled"], true);
    assert!(
        features["hooks"]
            .as_array()
            .unwrap()
            .contains(&json!("createContainer"))
    );
}

#[test]
fn without_pivot_root_the_hosts_proc_cannot_be_mounted_again() {
    if !is_root() {
        return;
    }
    let script = "unshare -mrpf sh -c 'mount -t proc none /proc'; echo $?";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    for set in ["bounding", "permitted"] {
        let names = bundle.config["process"]["capabilities"][set]
            .as_array_mut()
            .unwrap();
        names.push(json!("CAP_SETFCAP"));
    }
    let outcome = bundle.run(&["run", "--no-pivot", "box"]);
    assert!(outcome.stderr.contains("permission denied"), "{outcome:?}");
    assert_ne!(outcome.stdout, "0\n");
    bundle.assert_nothing_left();
}

#[test]
fn help_is_named_after_the_way_it_was_called() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["true"]);
    let help = bundle.ok(&["update", "--help"]);
    assert!(help.starts_with("NAME:\n   wharf oci update - "), "{help}");
    assert!(bundle.ok(&["--help"]).starts_with("NAME:\n   wharf oci - "));
    assert!(bundle.fails(&["fly"]).contains("No help topic for 'fly'"));
}

#[test]
fn a_container_is_listed_as_runc_lists_it() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::sleeping();
    let list = bundle.ok(&["list", "--format", "json"]);
    assert!(list.starts_with("[{\"ociVersion\":\""), "{list}");
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        (&list[0]["owner"], &list[0]["status"]),
        (&json!("root"), &json!("running"))
    );
    bundle.end();
    assert_eq!(bundle.ok(&["list", "--format", "json"]), "null");
    let elsewhere = bundle.run(&["--root", "/nowhere", "list"]);
    assert!(elsewhere.stderr.contains("/nowhere"), "{elsewhere:?}");
}

#[test]
fn a_hook_without_an_environment_has_that_of_the_process() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    bundle.config["process"]["env"] = json!(["PATH=/usr/bin", "ONE=two"]);
    let hook = |script: &str| json!([{"path": "/usr/bin/sh", "args": ["sh", "-c", script]}]);
    bundle.config["hooks"]["startContainer"] = hook("test $ONE = two");
    bundle.output();
    bundle.config["hooks"]["startContainer"] = hook("test $ONE = three");
    let message = bundle.fails(&["run", "box"]);
    assert!(
        message.contains("error running startContainer hook #0"),
        "{message}"
    );
    bundle.assert_nothing_left();
}
