//! `wharf system check`: what is forgotten is found, named and mended, and nothing else is.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::harness::{Wharf, is_root};

const NOBODY: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

#[test]
fn everything_that_is_wharfs_is_listed_with_what_it_belongs_to() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run",
        "-d",
        "--name",
        "web",
        "-v",
        "data:/data",
        "host",
        "sleep",
        "1000",
    ]);
    wharf.ok(&["create", "--name", "idle", "host", "true"]);
    let text = wharf.ok(&["system", "check", "--all", "--format", "json"]);
    let owned: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds = |of: &str| {
        let mut kinds: Vec<&str> = owned
            .iter()
            .filter(|owned| owned["Of"] == of)
            .map(|owned| owned["Kind"].as_str().unwrap())
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.join(" ")
    };
    assert_eq!(
        kinds("web"),
        "cgroup id range monitor name record run directory socket"
    );
    assert_eq!(kinds("idle"), "name record");
    assert!(
        owned
            .iter()
            .any(|owned| owned["Kind"] == "volume" && owned["Name"] == "data")
    );
    assert_eq!(wharf.run(&["system", "check"]).code, 0);
    wharf.ok(&["rm", "-f", "web", "idle"]);
    wharf.ok(&["volume", "rm", "data"]);
}

#[test]
fn what_belongs_to_nothing_is_found_and_mended() {
    let wharf = Wharf::new();
    wharf.ok(&[
        "create",
        "--name",
        "web",
        "-v",
        "data:/data",
        "host",
        "true",
    ]);
    let link = |path: &str| symlink(NOBODY, wharf.path(path)).unwrap();
    link("data/names/ghost");
    link("run/ids/77777");
    std::fs::create_dir_all(
        wharf
            .path("data/containers")
            .join(format!(".new-{NOBODY}/layer")),
    )
    .unwrap();
    std::fs::create_dir(wharf.path("data/volumes/.new-ghost")).unwrap();
    std::fs::remove_file(wharf.path("data/names/web")).unwrap();
    let mut expected = vec![
        "name ghost",
        "id range 77777",
        ".new-00000",
        "volumes/.new-ghost",
        "container web",
    ];
    let cgroup = format!("wharf-{NOBODY}");
    let cgroups = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .map(|mount| std::path::Path::new(mount).join(&cgroup));
    // One of which was never heard is another installation's.
    let event = serde_json::json!({
        "Type": "container", "Action": "start", "scope": "local", "time": 0, "timeNano": 0,
        "Actor": {"ID": NOBODY, "Attributes": {}},
    });
    std::fs::write(wharf.path("run/events.jsonl"), format!("{event}\n")).unwrap();
    if cgroups
        .iter()
        .any(|cgroup| std::fs::create_dir(cgroup).is_ok())
    {
        expected.push(&cgroup);
    }
    let found = wharf.run(&["system", "check"]);
    assert_eq!(found.code, 1, "{found:?}");
    for what in &expected {
        assert!(
            found.stdout.lines().any(|line| line.contains(what)),
            "{what}: {found:?}"
        );
    }
    let mended = wharf.run(&["system", "check", "--repair", "--format", "json"]);
    assert_eq!(mended.code, 0, "{mended:?}");
    assert!(
        mended
            .stdout
            .lines()
            .all(|line| line.contains("\"Mended\":true")),
        "{mended:?}"
    );
    assert_eq!(wharf.run(&["system", "check"]).code, 0);
    assert!(cgroups.iter().all(|cgroup| !cgroup.exists()));
    wharf.ok(&["start", "web"]);
    wharf.ok(&["wait", "web"]);
    // What a person has to decide is said and left.
    std::fs::remove_dir_all(wharf.path("data/volumes/data")).unwrap();
    let found = wharf.run(&["system", "check", "--repair"]);
    assert!(
        found.code == 1 && found.stdout.contains("container web: "),
        "{found:?}"
    );
    let record = wharf
        .path("data/containers")
        .join(&wharf.entries("data/containers")[0]);
    std::fs::write(record.join("record.json"), "{").unwrap();
    let found = wharf.run(&["system", "check"]);
    assert!(
        found.code == 1 && found.stdout.contains("its record cannot be read"),
        "{found:?}"
    );
    // overlayfs leaves a directory that only root may read.
    let readable = std::process::Command::new("chmod")
        .args(["-R", "u+rwX"])
        .arg(&record)
        .status();
    assert!(readable.unwrap().success());
    std::fs::remove_dir_all(record).unwrap();
    wharf.ok(&["system", "check", "--repair"]);
}

#[test]
fn prune_removes_what_nobody_uses_in_dockers_words() {
    let wharf = Wharf::new();
    wharf.ok(&[
        "create",
        "--name",
        "web",
        "--label",
        "keep=no",
        "-v",
        "/anonymous",
        "host",
        "true",
    ]);
    let kept = wharf.ok(&[
        "create", "--name", "kept", "--label", "keep=yes", "host", "true",
    ]);
    wharf.ok(&["volume", "create", "named"]);
    let id = wharf.inspect("web", "/Id");
    let id = id.as_str().unwrap();
    let asked = wharf.run_with_input(&["system", "prune"], "n\n");
    assert!(
        asked
            .stdout
            .starts_with("WARNING! This will remove:\n  - all stopped containers\n"),
        "{asked:?}"
    );
    assert_eq!(
        (asked.code, wharf.ok(&["ps", "-aq"]).lines().count()),
        (0, 2)
    );
    let words = ["system", "prune", "-f", "--filter", "label!=keep=yes"];
    let pruned = wharf.ok(&words);
    assert!(
        pruned.starts_with(&format!("Deleted Containers:\n{id}\n\n")),
        "{pruned}"
    );
    assert!(
        pruned
            .lines()
            .last()
            .unwrap()
            .starts_with("Total reclaimed space: "),
        "{pruned}"
    );
    assert_eq!(wharf.ok(&["ps", "-aq", "--no-trunc"]), kept);
    assert_eq!(wharf.ok(&["volume", "ls", "-q"]).lines().count(), 2);
    let pruned = wharf.ok(&["system", "prune", "-af", "--volumes"]);
    assert!(pruned.contains("Deleted Volumes:\n"), "{pruned}");
    // A volume with a name was made to stay.
    assert_eq!(wharf.ok(&["volume", "ls", "-q"]), "named");
    wharf.ok(&["volume", "prune", "-af"]);
    for (words, why) in [
        (
            &["--filter", "colour=red"][..],
            "there is no filter \"colour\"",
        ),
        (
            &["--volumes", "--filter", "until=1h"],
            "\"until\" filter is not supported with \"--volumes\"",
        ),
    ] {
        assert!(
            wharf
                .fails(&[&["system", "prune"], words].concat())
                .1
                .contains(why),
            "{words:?}"
        );
    }
    assert!(wharf.fails(&["system", "prune"]).1.contains("use --force"));
}
