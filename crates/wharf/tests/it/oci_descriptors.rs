//! `wharf oci` and file descriptors: what is passed on because it was asked for, and that nothing
//! else is.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use serde_json::json;

use crate::bundle::{Bundle, receive};
use crate::harness::is_root;

/// Runs `wharf oci` from a shell that opened a file as descriptor 3 before.
fn with_descriptor_3(bundle: &Bundle, variables: &str, words: &[&str]) -> std::process::Output {
    std::fs::write(bundle.path("passed"), "passed on\n").unwrap();
    let command = bundle.command();
    let script = format!("exec 3< passed; {variables} exec \"$@\"");
    std::process::Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .args(bundle.words(words))
        .current_dir(bundle.path(""))
        .output()
        .unwrap()
}

#[test]
fn descriptors_are_passed_on_when_they_are_counted() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sh", "-c", "cat <&3; ls /proc/self/fd | wc -l"]);
    let output = with_descriptor_3(&bundle, "", &["run", "--preserve-fds", "1", "box"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "passed on\n5\n",
        "{output:?}"
    );
    // Whatever the tests themselves were started with.
    let none = with_descriptor_3(
        &bundle,
        "exec 3<&-;",
        &["run", "--preserve-fds", "1", "box"],
    );
    let refused = String::from_utf8_lossy(&none.stderr);
    assert!(
        refused.contains("unable to stat preserved-fd 3"),
        "{none:?}"
    );
    let without = with_descriptor_3(&bundle, "", &["run", "box"]);
    assert!(
        String::from_utf8_lossy(&without.stderr).contains("3"),
        "{without:?}"
    );
    bundle.assert_nothing_left();
}

#[test]
fn sockets_of_socket_activation_are_passed_on_and_told_of() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID $$; cat <&3"]);
    let variables = "LISTEN_FDS=1 LISTEN_PID=$$";
    let output = with_descriptor_3(&bundle, variables, &["run", "box"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "1 1 1\npassed on\n",
        "{output:?}"
    );
    let others = with_descriptor_3(&bundle, "LISTEN_FDS=1 LISTEN_PID=1", &["run", "box"]);
    assert!(
        !String::from_utf8_lossy(&others.stdout).contains("passed on"),
        "{others:?}"
    );
    bundle.assert_nothing_left();
}

#[test]
fn a_handle_of_the_process_goes_to_the_pidfd_socket() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "1000"]);
    let handle = |words: &[&str]| -> OwnedFd {
        let _ = std::fs::remove_file(bundle.path("socket"));
        let socket = UnixListener::bind(bundle.path("socket")).unwrap();
        let mut command = bundle.command();
        let null = std::process::Stdio::null;
        command.stdin(null()).stdout(null()).stderr(null());
        let mut child = command.args(bundle.words(words)).spawn().unwrap();
        let (connection, _) = socket.accept().unwrap();
        let (_, fds) = receive(&connection);
        assert!(child.wait().unwrap().success());
        fds.into_iter().next().unwrap()
    };
    let init = handle(&["create", "--pidfd-socket", "socket", "box"]);
    bundle.ok(&["start", "box"]);
    let exec = handle(&[
        "exec",
        "-d",
        "--pidfd-socket",
        "socket",
        "box",
        "sleep",
        "1000",
    ]);
    let processes = || bundle.ok(&["ps", "-f", "json", "box"]).split(',').count();
    assert_eq!(processes(), 2);
    let kill = rustix::process::Signal::KILL;
    rustix::process::pidfd_send_signal(&exec, kill).unwrap();
    while processes() != 1 {}
    rustix::process::pidfd_send_signal(&init, kill).unwrap();
    while bundle.state("status") != "stopped" {}
    bundle.end();
}

#[test]
fn an_init_that_waits_for_its_start_holds_nothing_of_the_host() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["true"]);
    bundle.create();
    let directory = format!("/proc/{}/fd", bundle.state("pid"));
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let target = std::fs::read_link(&path).unwrap();
        let target = target.to_str().unwrap();
        let is_ours = target.starts_with("socket:") || target.ends_with("/exec.fifo");
        assert!(
            is_ours || target == "/dev/null",
            "{} is {target}",
            path.display()
        );
    }
    bundle.end();
}

#[test]
fn a_low_limit_of_open_files_is_the_program_s_alone() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", "ulimit -n"]);
    bundle.config["process"]["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 6, "hard": 6}]);
    let source = bundle.path("source");
    std::fs::create_dir(&source).unwrap();
    bundle.config["root"]["readonly"] = json!(false);
    for number in 0..20 {
        let mount = json!({"destination": format!("/tmp/{number}"), "source": source,
            "type": "bind", "options": ["bind"]});
        bundle.config["mounts"].as_array_mut().unwrap().push(mount);
    }
    assert_eq!(bundle.output(), "6");
    bundle.assert_nothing_left();
}
