//! cgroups of ordinary users: what their own systemd delegates to them, and what is said to those
//! who have none.

use super::machine::{From, User, is_here};

/// A container that tells its limits.
const SCRIPT: &str = "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max";
const LIMITS: &[&str] = &["-m", "64m", "--cpus", "0.5", "--pids-limit", "20"];
const VALUES: &str = "67108864\n20\n50000 100000\n";

#[test]
fn an_ordinary_users_containers_have_limits() {
    if !is_here() {
        return;
    }
    for from in [From::Service, From::Session] {
        let run = [&["run", "--rm"], LIMITS, &["host", "sh", "-c", SCRIPT]].concat();
        let outcome = User::Tester.wharf(from, &run);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (0, VALUES),
            "{from:?} {outcome:?}"
        );
    }
}

#[test]
fn a_container_is_entered_from_outside_of_the_users_cgroups() {
    if !is_here() {
        return;
    }
    let ok = |from, words: &[&str]| {
        let outcome = User::Tester.wharf(from, words);
        assert_eq!(outcome.code, 0, "{from:?} {words:?}: {outcome:?}");
        outcome.stdout
    };
    let words = ["run", "-d", "--name", "delegated", "host", "sleep", "1000"];
    ok(From::Session, &words);
    let scope = "0::/\n";
    let program = ["exec", "delegated", "cat", "/proc/self/cgroup"];
    assert_eq!(ok(From::Session, &program), scope);
    assert_eq!(ok(From::Service, &program), scope);
    ok(From::Session, &["pause", "delegated"]);
    ok(From::Service, &["unpause", "delegated"]);
    ok(From::Session, &["rm", "-f", "delegated"]);
}

#[test]
fn a_delegated_subtree_is_used_without_systemd() {
    if !is_here() {
        return;
    }
    // In a service of its own, the groups beside it are the user's too.
    assert_eq!(oci("beside", &[]), VALUES);
}

#[test]
fn the_users_systemd_makes_scopes_for_oci() {
    if !is_here() {
        return;
    }
    assert_eq!(oci("in-a-scope", &["--systemd-cgroup"]), VALUES);
}

/// `oci run` of the script with the limits, as a service of the user's.
fn oci(id: &str, options: &[&str]) -> String {
    let directory = std::env::temp_dir().join("bundle");
    let program = std::env::var("WHARF_TEST_BINARY").unwrap();
    let script = format!(
        r#"set -e
        mkdir -p {path}/rootfs/usr; cd {path}
        for link in bin lib lib64; do ln -s usr/$link rootfs/$link; done
        {program} oci spec --rootless
        python3 - <<'END'
import json
config = json.load(open("config.json"))
config["process"]["terminal"] = False
config["process"]["args"] = ["sh", "-c", "{SCRIPT}"]
config["mounts"].insert(0, dict(destination="/usr", type="bind", source="/usr",
                                options=["rbind", "ro"]))
config["linux"]["resources"] = dict(memory=dict(limit=64 << 20), pids=dict(limit=20),
                                    cpu=dict(quota=50000, period=100000))
config["linux"].pop("cgroupsPath", None)
if not any(m["destination"] == "/sys/fs/cgroup" for m in config["mounts"]):
    config["mounts"].append(dict(destination="/sys/fs/cgroup", type="cgroup", source="cgroup",
                                 options=["ro"]))
if not any(n["type"] == "cgroup" for n in config["linux"]["namespaces"]):
    config["linux"]["namespaces"].append(dict(type="cgroup"))
json.dump(config, open("config.json", "w"))
END
        {program} oci --root {path}/state {options} run {id}"#,
        path = directory.display(),
        options = options.join(" "),
    );
    std::fs::create_dir(&directory).unwrap();
    std::os::unix::fs::chown(&directory, Some(1000), Some(1000)).unwrap();
    let mut command = User::Tester.command(From::Service);
    // In the place of the program: a shell that calls it.
    let words: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
    let mut shell = std::process::Command::new(command.get_program());
    shell
        .args(&words[..words.len() - 1])
        .args(["sh", "-c", &script]);
    command = shell;
    let outcome = crate::harness::Outcome::from(command.output().unwrap());
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    outcome.stdout
}

#[test]
fn without_delegation_the_error_says_what_is_needed() {
    if !is_here() {
        return;
    }
    let outcome = User::Guest.wharf(From::Session, &["run", "--rm", "host", "true"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let words = ["run", "--rm", "-m", "64m", "host", "true"];
    let outcome = User::Guest.wharf(From::Session, &words);
    assert_eq!(outcome.code, 125);
    assert!(
        outcome.stderr.contains("delegate a cgroup v2 subtree"),
        "{outcome:?}"
    );
    let outcome = User::Guest.wharf(From::Session, &["oci", "--systemd-cgroup", "list"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("DBUS_SESSION_BUS_ADDRESS"),
        "{outcome:?}"
    );
}
