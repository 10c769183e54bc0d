//! Standard streams: kept apart, logged, forwarded, attached to.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::harness::{Wharf, is_root, without_warnings};

#[test]
fn output_and_errors_are_kept_apart_and_input_arrives() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let outcome = wharf.run_with_input(
        &["run", "--rm", "-i", "host", "sh", "-c", "cat; echo e >&2"],
        "in",
    );
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, "in"));
    assert_eq!(without_warnings(&outcome.stderr), "e");
}

#[test]
fn without_interactive_the_input_is_empty() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let outcome = wharf.run_with_input(&["run", "--rm", "host", "cat"], "in");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
}

#[test]
fn logs_keep_what_was_written_and_by_whom() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "echo one; echo two >&2; echo three";
    wharf.run(&["run", "--name", "talker", "host", "sh", "-c", script]);
    let outcome = wharf.run(&["logs", "talker"]);
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("one\nthree\n", "two\n")
    );
    wharf.run(&["run", "--name", "counter", "host", "seq", "3"]);
    assert_eq!(wharf.ok(&["logs", "-n", "2", "counter"]), "2\n3");
    let timed = wharf.ok(&["logs", "-t", "-n", "1", "counter"]);
    assert!(timed.ends_with("Z 3"), "{timed}");
}

#[test]
fn followed_logs_end_with_the_container() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "echo first; read line; echo $line; exit 4";
    wharf.ok(&[
        "run", "-d", "-i", "--name", "talker", "host", "sh", "-c", script,
    ]);
    let mut logs = wharf
        .command()
        .args(["logs", "-f", "talker"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(logs.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    let attached = wharf.run_with_input(&["attach", "talker"], "second\n");
    assert_eq!(attached.code, 4);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "second\n");
    assert!(logs.wait().unwrap().success());
}

#[test]
fn a_container_without_a_log_says_so() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run",
        "--name",
        "quiet",
        "--log-driver",
        "none",
        "host",
        "true",
    ]);
    let (code, message) = wharf.fails(&["logs", "quiet"]);
    assert_eq!(code, 1);
    assert!(message.contains("its log driver is \"none\""), "{message}");
}

#[test]
fn a_signal_for_the_command_reaches_the_program() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.01; done";
    let mut run = wharf
        .command()
        .args(["run", "--rm", "host", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    line.clear();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "got\n");
    assert_eq!(run.wait().unwrap().code(), Some(9));
}

#[test]
fn a_program_can_open_its_standard_streams_again_by_name() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "echo out > /dev/stdout; echo err > /dev/stderr";
    for user in ["root", "daemon"] {
        let run = ["run", "--rm", "-u", user, "host", "sh", "-c", script];
        let outcome = wharf.run(&run);
        assert_eq!(outcome.stdout, "out\n", "{outcome:?}");
        assert!(outcome.stderr.ends_with("err\n"), "{outcome:?}");
    }
    wharf.sleeper("web");
    let outcome = wharf.run(&["exec", "-u", "daemon", "web", "sh", "-c", script]);
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("out\n", "err\n")
    );
}

#[test]
fn a_file_of_ours_never_takes_the_place_of_a_closed_stream() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let command = wharf.command();
    let mut words = vec![command.get_program()];
    words.extend(command.get_args());
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", r#"exec "$@" <&- 2>&-"#, "sh"])
        .args(words);
    let script = "cat; echo done; echo lost >&2; exit 3";
    shell.args(["run", "--rm", "-i", "host", "sh", "-c", script]);
    let output = shell.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
}

#[test]
fn only_the_streams_that_were_named_are_stayed_with() {
    let wharf = Wharf::new();
    let run = |flags: &[&str]| {
        let words = [
            "--name",
            "talker",
            "host",
            "sh",
            "-c",
            "cat; echo out; echo err >&2",
        ];
        let outcome = wharf.run_with_input(&[&["run"], flags, &words[..]].concat(), "in\n");
        // All of it is in the log, whoever stayed.
        wharf.ok(&["wait", "talker"]);
        let log = wharf.run(&["logs", "talker"]);
        assert!(
            log.stdout.ends_with("out\n") && log.stderr == "err\n",
            "{log:?}"
        );
        let id = wharf.inspect("talker", "/Id").as_str().unwrap().to_owned();
        wharf.ok(&["rm", "talker"]);
        let stdout = outcome.stdout.replace(&id, "ID");
        (stdout, without_warnings(&outcome.stderr))
    };
    let said = |out: &str, err: &str| (out.to_owned(), err.to_owned());
    assert_eq!(run(&["-a", "stdout"]), said("out\n", ""));
    assert_eq!(run(&["-a", "STDERR"]), said("", "err"));
    assert_eq!(
        run(&["-a", "stdin", "-a", "stdout", "-i"]),
        said("in\nout\n", "")
    );
    // Who sees nothing of it is told which one it is.
    assert_eq!(run(&["-a", "stdin", "-i"]), said("ID\n", ""));
    for wrong in [&["-a", "stdlog"][..], &["-d", "-a", "stdout"]] {
        let words = [&["run"], wrong, &["host", "true"]].concat();
        let (code, why) = wharf.fails(&words);
        assert!(code == 125 && why.contains("--attach"), "{why}");
    }
}

#[test]
fn details_of_a_log_stand_before_each_line() {
    let wharf = Wharf::new();
    wharf.ok(&["run", "--name", "talker", "host", "echo", "hello"]);
    assert_eq!(
        wharf.run(&["logs", "--details", "talker"]).stdout,
        " hello\n"
    );
    let timed = wharf.run(&["logs", "--details", "-t", "talker"]).stdout;
    assert!(timed.ends_with("Z  hello\n"), "{timed}");
}
