//! Every flag that Docker's own help names is known to the verb of the same name: it does something
//! or is refused by name, and is never just unknown.

use std::process::Command;

use crate::harness::Wharf;

/// Docker's verbs about containers, volumes, networks and images, and about all of them.
const VERBS: &[&str] = &[
    "attach",
    "commit",
    "container inspect",
    "container ls",
    "container prune",
    "cp",
    "create",
    "diff",
    "events",
    "exec",
    "export",
    "history",
    "image inspect",
    "image ls",
    "image prune",
    "images",
    "import",
    "info",
    "inspect",
    "kill",
    "load",
    "login",
    "logout",
    "logs",
    "network connect",
    "network create",
    "network disconnect",
    "network inspect",
    "network ls",
    "network prune",
    "network rm",
    "pause",
    "port",
    "ps",
    "pull",
    "push",
    "rename",
    "restart",
    "rm",
    "rmi",
    "run",
    "save",
    "search",
    "start",
    "stats",
    "stop",
    "system df",
    "system events",
    "system info",
    "system prune",
    "tag",
    "top",
    "unpause",
    "update",
    "version",
    "volume create",
    "volume inspect",
    "volume ls",
    "volume prune",
    "volume rm",
    "wait",
];

/// Flags that Docker's help does not show, and still takes.
const HIDDEN: &[(&str, &str)] = &[
    ("run", "--kernel-memory x"),
    ("run", "--net x"),
    ("run", "--net-alias x"),
    ("run", "--dns-opt x"),
    ("update", "--kernel-memory x"),
];

/// The flags of a verb's help, each with a value if it takes one: `  -a, --attach list   …`.
fn flags(help: &str) -> Vec<String> {
    let lines = help.lines().map(str::trim_start);
    // A line that goes on may begin with a number below zero.
    let is_flag = |line: &&str| {
        line.trim_start_matches('-')
            .starts_with(char::is_alphabetic)
    };
    let lines = lines.filter(|line| line.starts_with('-') && !line.contains("--help"));
    let lines = lines.filter(is_flag);
    let mut found = Vec::new();
    for line in lines {
        // What it is for stands behind at least two spaces.
        let (names, _) = line.split_once("  ").unwrap_or((line, ""));
        let (names, value) = match names.rsplit_once(' ') {
            Some((names, kind)) if !kind.starts_with('-') => (names, " x"),
            _ => (names, ""),
        };
        for name in names.split(", ") {
            found.push(format!("{name}{value}"));
        }
    }
    found
}

#[test]
fn every_flag_of_dockers_is_known() {
    if Command::new("docker").arg("--version").output().is_err() {
        println!("skipped: docker is not installed");
        return;
    }
    let wharf = Wharf::new();
    let mut unknown = Vec::new();
    let mut seen = 0;
    for verb in VERBS {
        let words: Vec<&str> = verb.split(' ').collect();
        let help = Command::new("docker").args(&words).arg("--help").output();
        let help = String::from_utf8(help.unwrap().stdout).unwrap();
        let hidden = HIDDEN.iter().filter(|(of, _)| of == verb);
        let hidden = hidden.map(|(_, flag)| (*flag).to_owned());
        for flag in flags(&help).into_iter().chain(hidden) {
            seen += 1;
            // The second one is known to nobody, so that nothing is ever done.
            let more = flag.split(' ').chain(["--known-to-nobody"]);
            let line: Vec<&str> = words.iter().copied().chain(more).collect();
            let outcome = wharf.run(&line);
            assert_ne!(outcome.code, 0, "{line:?}: {outcome:?}");
            let name = flag.split(' ').next().unwrap_or_default();
            if outcome
                .stderr
                .contains(&format!("unexpected argument '{name}'"))
                || outcome.stderr.contains("unknown command")
            {
                unknown.push(format!("{verb} {flag}: {}", outcome.stderr));
            }
        }
    }
    assert!(seen > 250, "{seen} flags were found in Docker's help");
    assert!(unknown.is_empty(), "unknown: {unknown:#?}");
}
