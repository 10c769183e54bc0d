//! `run`: what a program sees, how it ends, and what is refused.

use crate::harness::{Wharf, is_root};

#[test]
fn the_exit_code_is_the_programs() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let code = |words: &[&str]| wharf.run(&[&["run", "--rm", "host"], words].concat()).code;
    assert_eq!(code(&["true"]), 0);
    assert_eq!(code(&["sh", "-c", "exit 3"]), 3);
    assert_eq!(
        code(&["sh", "-c", "exec sleep 1000 & kill -9 $!; wait $!"]),
        137
    );
    assert_eq!(code(&["no-such-program"]), 127);
    assert_eq!(code(&["/etc/passwd"]), 126);
}

#[test]
fn a_program_is_root_of_a_user_namespace_with_its_own_range() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let map = |name: &str| {
        wharf.ok(&["run", "-d", "--name", name, "host", "sleep", "1000"]);
        wharf.ok(&["exec", name, "cat", "/proc/self/uid_map"])
    };
    let fields = |map: &str| {
        map.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (one, other) = (fields(&map("one")), fields(&map("other")));
    assert_eq!((one[0].as_str(), one[2].as_str()), ("0", "65536"));
    assert_ne!(one[1], other[1]);
    let script = "id -u; id -g; hostname; echo $HOSTNAME; pwd; echo $HOME; echo $$";
    let output = wharf.ok(&[
        "run",
        "--rm",
        "--hostname",
        "box",
        "host",
        "sh",
        "-c",
        script,
    ]);
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        ["0", "0", "box", "box", "/", "/root", "1"]
    );
}

#[test]
fn a_container_that_is_removed_at_its_end_leaves_nothing() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&[
        "run", "--rm", "--name", "gone", "host", "touch", "/root/x", "/usr/x",
    ]);
    assert!(!std::path::Path::new("/usr/x").exists());
    // Nobody finds it any more, and its name is free; what it held is being released.
    assert_eq!(wharf.ok(&["ps", "-aq"]), "");
    wharf.ok(&["run", "--rm", "--name", "gone", "host", "true"]);
    wharf.assert_nothing_left();
}

#[test]
fn a_detached_container_that_is_removed_at_its_end_leaves_nothing() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let id = wharf.ok(&["run", "-d", "--rm", "host", "sleep", "1000"]);
    wharf.ok(&["kill", &id]);
    // Whoever removes it last: the monitor's helper, or this command.
    let (code, words) = loop {
        let outcome = wharf.run(&["inspect", &id]);
        if outcome.code != 0 {
            break (outcome.code, outcome.stderr);
        }
    };
    assert_eq!((code, words), (1, format!("wharf: no such object: {id}\n")));
}

#[test]
fn environment_user_and_directory_are_as_asked_for() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "echo $A; pwd; id -u; id -g; grep CapEff /proc/self/status";
    let words = [
        "run", "--rm", "-e", "A=1 2", "-w", "/tmp", "-u", "daemon:5", "host",
    ];
    let output = wharf.ok(&[&words[..], &["sh", "-c", script]].concat());
    let expected = ["1 2", "/tmp", "1", "5", "CapEff:\t0000000000000000"];
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn bad_input_is_one_sentence_with_docker_s_code_and_changes_nothing() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    for (words, expected) in [
        (&["run", "no-such-image", "true"][..], "no-such-image"),
        (&["run", "--memory", "12q", "host", "true"], "12q"),
        (&["run", "--name", "-x", "host", "true"], "\"-x\""),
        (&["run", "--name", "a/b", "host", "true"], "a/b"),
        (&["run", "-v", "no where:/x", "host", "true"], "no where"),
        (&["run", "--cap-add", "FLY", "host", "true"], "FLY"),
        (&["run", "--rootfs", "/nonexistent", "true"], "/nonexistent"),
        (&["run", "--network", "nowhere", "host", "true"], "nowhere"),
        (&["run", "-w", "relative", "host", "true"], "relative"),
        (
            &["run", "--privileged", "--userns", "private", "host", "true"],
            "privileged",
        ),
        (
            &[
                "run",
                "--mount",
                "type=bind,src=/nonexistent,dst=/x",
                "host",
                "true",
            ],
            "/nonexistent",
        ),
    ] {
        let (code, message) = wharf.fails(words);
        assert_eq!(code, 125, "{words:?}: {message}");
        assert!(message.contains(expected), "{words:?}: {message}");
    }
    assert_eq!(wharf.ok(&["ps", "-q"]), "");
}

#[test]
fn a_name_is_taken_until_its_container_is_removed() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.sleeper("web");
    let (code, message) = wharf.fails(&["run", "--name", "web", "host", "true"]);
    assert_eq!(code, 125);
    assert!(
        message.contains("the name \"web\" is in use by container"),
        "{message}"
    );
    wharf.ok(&["rm", "-f", "web"]);
    wharf.ok(&["run", "--rm", "--name", "web", "host", "true"]);
}

#[test]
fn a_directory_can_be_the_root_with_and_without_a_layer() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let tree = wharf.path("tree");
    for directory in ["usr", "proc", "sys", "dev", "etc", "tmp"] {
        std::fs::create_dir_all(tree.join(directory)).unwrap();
    }
    for (link, target) in [
        ("bin", "usr/bin"),
        ("lib", "usr/lib"),
        ("lib64", "usr/lib64"),
    ] {
        std::os::unix::fs::symlink(target, tree.join(link)).unwrap();
    }
    let tree = tree.to_str().unwrap();
    let run = |more: &[&str], file: &str| {
        let words = ["run", "--rm", "-v", "/usr:/usr:ro", "--rootfs", tree];
        wharf.ok(&[&words[..], more, &["touch", file]].concat())
    };
    run(&[], "/tmp/thrown-away");
    run(&["--rootfs-rw"], "/tmp/kept");
    assert_eq!(wharf.entries("tree/tmp"), ["kept"]);
    let owner = std::fs::metadata(wharf.path("tree/tmp/kept")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), 0);
}
