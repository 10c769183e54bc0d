//! Limits: what the kernel is told, and what is refused for want of rights.

use crate::harness::{Wharf, is_root, without_warnings};

#[test]
fn a_program_beyond_its_memory_is_killed_and_the_record_says_why() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    // `tail` keeps the last line, and this one has no end.
    let hog = "head -c 50m /dev/zero | tail > /dev/null";
    let run = |name: &str, limit: &str| {
        let words = ["run", "--name", name, "-m", limit, "host", "sh", "-c", hog];
        wharf.run(&words).code
    };
    assert_eq!(run("small", "16m"), 137);
    assert_eq!(wharf.inspect("small", "/State/OOMKilled"), true);
    let list = wharf.ok(&["ps", "-a", "--filter", "name=small"]);
    assert!(list.contains(" ago (out of memory) "), "{list}");
    assert_eq!(run("large", "150m"), 0);
    assert_eq!(wharf.inspect("large", "/State/OOMKilled"), false);
}

#[test]
fn a_busy_program_gets_its_share_of_the_processors_and_no_more() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let busy = "TIMEFORMAT='%U %S'; time timeout 2 sh -c 'while :; do :; done'";
    let outcome = wharf.run(&["run", "--rm", "--cpus", "0.2", "host", "bash", "-c", busy]);
    let times = without_warnings(&outcome.stderr);
    let used: f64 = times
        .split_whitespace()
        .map(|seconds| seconds.parse::<f64>().unwrap())
        .sum();
    // Two seconds of a fifth, and what one period may run over.
    assert!((0.05..0.6).contains(&used), "{outcome:?}");
}

#[test]
fn a_container_cannot_have_more_tasks_than_its_limit() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "for i in $(seq 30); do sleep 1000 & done; echo all";
    let run = |limit: &str| {
        let words = ["run", "--rm", "--pids-limit", limit, "host", "sh", "-c"];
        wharf.run(&[&words[..], &[script]].concat())
    };
    let outcome = run("20");
    assert!(
        outcome.code != 0 && outcome.stderr.contains("annot fork"),
        "{outcome:?}"
    );
    assert_eq!(run("40").stdout, "all\n");
}

#[test]
fn a_limit_beyond_the_own_names_the_missing_right() {
    if !is_root() {
        return;
    }
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let host = rustix::thread::capabilities(None).unwrap().effective;
    let (Some(own), false) = (
        own,
        host.contains(rustix::thread::CapabilitySet::SYS_RESOURCE),
    ) else {
        println!("skipped: nothing is beyond the own limits here");
        return;
    };
    let wharf = Wharf::new();
    let limit = format!("nofile={}", own + 1);
    let (code, message) = wharf.fails(&["run", "--rm", "--ulimit", &limit, "host", "true"]);
    assert_eq!(code, 125);
    assert!(message.ends_with("needs CAP_SYS_RESOURCE"), "{message}");
    let limit = format!("nofile=100:{own}");
    let words = [
        "run",
        "--rm",
        "--ulimit",
        &limit,
        "host",
        "sh",
        "-c",
        "ulimit -n",
    ];
    assert_eq!(wharf.ok(&words), "100");
}
