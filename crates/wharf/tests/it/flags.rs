//! Flags of `run` by their effect inside, and what `why` and the completions say.

use crate::harness::{Wharf, is_root};

#[test]
fn names_and_resolvers_are_those_that_were_asked_for() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let words = [
        "run",
        "--rm",
        "--hostname",
        "web",
        "--domainname",
        "example.org",
        "--add-host",
        "db:10.0.0.2",
        "--dns",
        "9.9.9.9",
        "--dns-search",
        "lan",
        "--dns-option",
        "ndots:2",
        "host",
        "sh",
        "-c",
        "cat /etc/hosts /etc/resolv.conf /proc/sys/kernel/domainname",
    ];
    let text = wharf.ok(&words);
    for line in [
        "127.0.1.1\tweb.example.org web",
        "10.0.0.2\tdb",
        "nameserver 9.9.9.9\nsearch lan\noptions ndots:2",
        "example.org",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let wrong = wharf.fails(&["run", "--rm", "--add-host", "db", "host", "true"]);
    assert!(
        wrong.0 == 125 && wrong.1.contains("NAME:ADDRESS"),
        "{wrong:?}"
    );
}

#[test]
fn groups_parameters_and_devices_are_given() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let run = |flags: &[&str], script: &str| {
        wharf.ok(&[&["run", "--rm"], flags, &["host", "sh", "-c", script]].concat())
    };
    let groups = run(
        &["-u", "1", "--group-add", "44", "--group-add", "disk"],
        "id -G",
    );
    assert!(groups.split(' ').any(|gid| gid == "44"), "{groups}");
    let sysctl = [
        "--sysctl",
        "net.ipv4.ip_forward=1",
        "--sysctl",
        "kernel.msgmax=4096",
    ];
    let values = run(
        &sysctl,
        "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax",
    );
    assert_eq!(values, "1\n4096");
    assert_eq!(run(&[], "test -e /dev/loop0 || echo none"), "none");
    if std::path::Path::new("/dev/fuse").exists() {
        assert_eq!(
            run(
                &["--device", "/dev/fuse"],
                "test -c /dev/fuse && echo there"
            ),
            "there"
        );
    }
    let missing = wharf.fails(&["run", "--rm", "--device", "/dev/none", "host", "true"]);
    assert!(
        missing.0 == 125 && missing.1.contains("/dev/none"),
        "{missing:?}"
    );
    let hidden = "cat /proc/kcore 2>/dev/null | head -c 1 | wc -c; mount | grep -c ' /proc/sys '";
    let shown = ["--security-opt", "systempaths=unconfined"];
    assert!(
        run(&[], hidden).ends_with('1')
            && run(&shown, "mount | grep -c ' /proc/sys ' || true").ends_with('0')
    );
}

#[test]
fn the_id_is_written_to_a_file_that_did_not_exist() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let file = wharf.path("cid");
    let name = file.to_str().unwrap();
    let id = wharf.ok(&["create", "--name", "web", "--cidfile", name, "host", "true"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), id);
    let (code, message) = wharf.fails(&["run", "--rm", "--cidfile", name, "host", "true"]);
    assert!(code == 125 && message.contains(name), "{message}");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        wharf
            .fails(&["run", "--rm", "--cidfile", name, "none-such", "true"])
            .0,
        125
    );
    assert!(!file.exists());
    let labels = wharf.path("labels");
    std::fs::write(&labels, "# comment\na=1\n\nb=2\n").unwrap();
    let words = [
        "create",
        "--name",
        "db",
        "--label-file",
        labels.to_str().unwrap(),
        "-l",
        "b=3",
        "host",
        "true",
    ];
    wharf.ok(&words);
    assert_eq!(
        wharf.inspect("db", "/Config/Labels"),
        serde_json::json!({"a": "1", "b": "3"})
    );
}

#[test]
fn an_end_is_explained() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let why = |name: &str| wharf.ok(&["why", name]);
    wharf.run(&[
        "run",
        "--name",
        "failed",
        "host",
        "sh",
        "-c",
        "echo last words; exit 3",
    ]);
    let text = why("failed");
    assert!(
        text.starts_with("failed: sh ended by itself with exit code 3\n"),
        "{text}"
    );
    assert!(
        text.contains("last words") && text.contains("processor time"),
        "{text}"
    );
    let hog = "head -c 200m /dev/zero | tail > /dev/null";
    wharf.run(&["run", "--name", "hog", "-m", "32m", "host", "sh", "-c", hog]);
    let text = why("hog");
    assert!(
        text.contains("for want of memory") && text.contains("of 32MiB"),
        "{text}"
    );
    wharf.sleeper("web");
    assert!(why("web").contains("is running"));
    wharf.ok(&["kill", "-s", "KILL", "web"]);
    wharf.ok(&["wait", "web"]);
    assert!(
        why("web").contains("SIGKILL, which `wharf kill` of user 0 sent"),
        "{}",
        why("web")
    );
    wharf.run(&["run", "--name", "none", "host", "no-such-program"]);
    assert!(
        why("none").contains("could not be started"),
        "{}",
        why("none")
    );
}

#[test]
fn completions_and_the_manual_know_every_verb() {
    let wharf = Wharf::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = wharf.ok(&["completion", shell]);
        assert!(
            script.contains("rename") && script.contains("cpu-shares"),
            "{shell}"
        );
    }
    let directory = wharf.path("man");
    std::fs::create_dir(&directory).unwrap();
    wharf.ok(&["man", directory.to_str().unwrap()]);
    let page = std::fs::read_to_string(directory.join("wharf-run.1")).unwrap();
    assert!(
        page.contains("wharf\\-run") && page.contains("health\\-cmd"),
        "{page}"
    );
    assert!(directory.join("wharf.1").exists());
}
