//! A container from `create` to `rm`, and which operation is legal when.

use crate::harness::{Wharf, cgroups_of, is_root};

#[test]
fn a_container_can_be_stopped_started_and_removed() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let id = wharf.ok(&["create", "--name", "web", "host", "sleep", "1000"]);
    assert_eq!(wharf.inspect("web", "/State/Status"), "created");
    assert_eq!(wharf.ok(&["start", "web"]), "web");
    assert_eq!(wharf.inspect(&id, "/State/Running"), true);
    assert_eq!(wharf.ok(&["ps", "-q", "--no-trunc"]), id);
    assert!(!cgroups_of(&id).is_empty());
    // Process 1 of a pid namespace ignores what it does not handle.
    assert_eq!(wharf.ok(&["stop", "-t", "0", "web"]), "web");
    assert_eq!(wharf.inspect("web", "/State/ExitCode"), 137);
    assert_eq!(wharf.ok(&["ps", "-q"]), "");
    assert!(cgroups_of(&id).is_empty());
    wharf.ok(&["start", &id[..8]]);
    let (code, message) = wharf.fails(&["rm", "web"]);
    assert_eq!(
        (code, message.as_str()),
        (1, "wharf: cannot remove container web: it is running")
    );
    wharf.ok(&["rm", "-f", "web"]);
    let (code, message) = wharf.fails(&["inspect", "web"]);
    assert_eq!((code, message.as_str()), (1, "wharf: no such object: web"));
}

#[test]
fn what_a_container_wrote_is_there_after_a_restart_with_other_ids() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "stat -c %u /root/x 2>/dev/null || touch /root/x";
    wharf.ok(&["run", "--name", "writer", "host", "sh", "-c", script]);
    assert_eq!(wharf.ok(&["start", "-a", "writer"]), "0");
}

#[test]
fn waiting_gives_back_the_exit_code_of_a_running_and_of_an_ended_container() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run",
        "-d",
        "-i",
        "--name",
        "web",
        "host",
        "sh",
        "-c",
        "read x; exit 7",
    ]);
    let wait = wharf
        .command()
        .args(["wait", "web"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(wharf.run_with_input(&["attach", "web"], "\n").code, 7);
    assert_eq!(wait.wait_with_output().unwrap().stdout, b"7\n");
    assert_eq!(wharf.ok(&["wait", "web"]), "7");
}

#[test]
fn a_program_can_be_run_in_a_running_container_only() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.sleeper("web");
    let run = |words: &[&str]| wharf.run(&[&["exec"], words].concat());
    assert_eq!(run(&["web", "sh", "-c", "exit 5"]).code, 5);
    assert_eq!(run(&["web", "no-such-program"]).code, 127);
    assert_eq!(
        wharf.ok(&[
            "exec",
            "-e",
            "A=b",
            "-w",
            "/tmp",
            "web",
            "sh",
            "-c",
            "echo $A; pwd"
        ]),
        "b\n/tmp"
    );
    assert_eq!(wharf.ok(&["exec", "-u", "1:1", "web", "id", "-u"]), "1");
    let outcome = wharf.run_with_input(&["exec", "-i", "web", "cat"], "hello");
    assert_eq!(outcome.stdout, "hello");
    wharf.ok(&["kill", "web"]);
    wharf.ok(&["wait", "web"]);
    let outcome = run(&["web", "true"]);
    assert_eq!(outcome.code, 125);
    assert_eq!(
        outcome.stderr,
        "wharf: cannot exec in container web: it is not running\n"
    );
}

#[test]
fn a_paused_container_stands_still_and_can_be_killed() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.sleeper("web");
    wharf.ok(&["pause", "web"]);
    assert_eq!(wharf.inspect("web", "/State/Status"), "paused");
    assert_eq!(wharf.fails(&["exec", "web", "true"]).0, 125);
    wharf.ok(&["unpause", "web"]);
    wharf.ok(&["exec", "web", "true"]);
    wharf.ok(&["pause", "web"]);
    wharf.ok(&["kill", "web"]);
    assert_eq!(wharf.ok(&["wait", "web"]), "137");
}

#[test]
fn a_list_shows_docker_s_columns_and_words() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let id = wharf.sleeper("web");
    wharf.run(&["run", "--name", "done", "host", "sh", "-c", "exit 3"]);
    let list = wharf.ok(&["ps", "-a"]);
    let header = list.lines().next().unwrap();
    let columns = [
        "CONTAINER ID",
        "IMAGE",
        "COMMAND",
        "CREATED",
        "STATUS",
        "PORTS",
        "NAMES",
    ];
    assert_eq!(
        header
            .split("   ")
            .filter(|c| !c.is_empty())
            .map(str::trim)
            .collect::<Vec<_>>(),
        columns
    );
    let line = |name: &str| list.lines().find(|line| line.ends_with(name)).unwrap();
    assert!(line("web").starts_with(&id[..12]) && line("web").contains("\"sleep 1000\""));
    assert!(
        line("web").contains(" Up ") && line("done").contains("Exited (3) "),
        "{list}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&wharf.ok(&["ps", "--format", "json"])).unwrap();
    assert_eq!(
        (&json["Names"], &json["State"]),
        (&"web".into(), &"running".into())
    );
}

#[test]
fn an_end_is_told_as_it_was_however_early_one_asks() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    for _ in 0..10 {
        wharf.ok(&["run", "-d", "--name", "web", "host", "sh", "-c", "exit 3"]);
        let code = loop {
            if wharf.inspect("web", "/State/Running") != true {
                break wharf.inspect("web", "/State/ExitCode");
            }
        };
        assert_eq!(code, 3);
        wharf.ok(&["rm", "web"]);
    }
}
