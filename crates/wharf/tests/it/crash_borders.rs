//! Verbs that are killed at their system calls, at places spread over all that they make: the next
//! command finds the truth, and nothing stays.

use std::process::{Command, Stdio};

use crate::harness::{Wharf, is_root};

/// Places that are tried of each verb.
const PLACES: usize = 12;

/// The program with words, under strace(1).
fn traced(wharf: &Wharf, options: &[&str], words: &[&str]) -> Command {
    let ours = wharf.command();
    let mut strace = Command::new("strace");
    strace.arg("-qq").args(options);
    strace
        .arg(ours.get_program())
        .args(ours.get_args())
        .args(words);
    strace
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    strace
}

/// The names of the system calls that a verb makes, in order.
fn calls(wharf: &Wharf, words: &[&str]) -> Vec<String> {
    let log = wharf.path("calls");
    let options = ["-o", log.to_str().unwrap()];
    traced(wharf, &options, words).status().unwrap();
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let names = text
        .lines()
        .filter_map(|line| line.split_once('(').map(|(name, _)| name));
    let is_name = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    names.filter(is_name).map(str::to_owned).collect()
}

/// Makes what a verb is done to: `web`, at rest or running.
fn prepare(wharf: &Wharf, words: &[&str]) {
    wharf.run(&["rm", "-f", "web"]);
    match words[0] {
        "run" => {}
        "start" => drop(wharf.ok(&["create", "--name", "web", "tiny", "sleep", "1000"])),
        _ => drop(wharf.ok(&["run", "-d", "--name", "web", "tiny", "sleep", "1000"])),
    }
}

#[test]
fn a_verb_that_is_killed_at_any_call_leaves_the_truth_and_nothing_else() {
    if !is_root() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: needs strace");
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "image",
        "from-host",
        "--tag",
        "tiny",
        "/bin/sleep",
        "/bin/true",
    ]);
    std::fs::write(wharf.path("file"), "x").unwrap();
    let file = wharf.path("file").display().to_string();
    let verbs: [&[&str]; 7] = [
        &["run", "-d", "--name", "web", "tiny", "sleep", "1000"],
        &["start", "web"],
        &["stop", "-t", "0", "web"],
        &["rm", "-f", "web"],
        &["exec", "web", "true"],
        &["cp", &file, "web:/file"],
        &["commit", "web", "made:1"],
    ];
    let mut tried = 0;
    for words in verbs {
        prepare(&wharf, words);
        let calls = calls(&wharf, words);
        for place in 0..PLACES {
            let at = calls.len() * (2 * place + 1) / (2 * PLACES);
            let Some(call) = calls.get(at) else { continue };
            let count = calls[..=at].iter().filter(|name| *name == call).count();
            prepare(&wharf, words);
            let inject = format!("inject={call}:signal=KILL:when={count}");
            traced(&wharf, &["-o", "/dev/null", "-e", &inject], words)
                .status()
                .unwrap();
            tried += 1;
            let mended = wharf.run(&["system", "check", "--repair"]);
            assert_eq!(
                mended.code, 0,
                "{words:?} killed at {call} {count}: {mended:?}"
            );
            let checked = wharf.run(&["system", "check"]);
            assert_eq!(
                checked.code, 0,
                "{words:?} killed at {call} {count}: {checked:?}"
            );
            // Whatever it is now, it can be shown, and it can go.
            wharf.ok(&["ps", "-a"]);
            if wharf.run(&["inspect", "web"]).code == 0 {
                wharf.ok(&["rm", "-f", "web"]);
            }
        }
    }
    println!("{tried} places tried");
    assert!(tried > 60);
    wharf.assert_nothing_left();
    wharf.ok(&["system", "check"]);
}
