//! Values of flags that cannot be are refused before anything else: in one sentence that names
//! the value, without a look at the image, and with nothing changed on disk.

use std::collections::BTreeSet;
use std::path::Path;

use crate::harness::{Wharf, without_warnings};

/// An image that nobody has, in a registry that nobody runs.
const NOWHERE: &str = "127.0.0.1:1/nowhere";

/// Everything below a directory: paths, and what files hold.
fn everything(directory: &Path) -> BTreeSet<(String, Vec<u8>)> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        found.insert((
            path.display().to_string(),
            std::fs::read(&path).unwrap_or_default(),
        ));
        if entry.file_type().unwrap().is_dir() {
            found.extend(everything(&path));
        }
    }
    found
}

/// Directories and the default network are made when somebody first looks at them.
fn with_what_the_first_look_makes() -> Wharf {
    let wharf = Wharf::new();
    for kind in ["network", "volume", "image"] {
        wharf.ok(&[kind, "ls"]);
    }
    wharf
}

fn assert_unchanged(wharf: &Wharf, before: &BTreeSet<(String, Vec<u8>)>) {
    let after = everything(&wharf.path(""));
    let changed = after.symmetric_difference(before).map(|(path, _)| path);
    assert_eq!(
        changed.collect::<Vec<_>>(),
        [""; 0],
        "changed by what was refused"
    );
}

/// Flags with a bad value each, and what the refusal must name.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "--add-host",
        &[
            "x",
            "x:",
            ":10.0.0.1",
            "x:300.1.1.1",
            "a b:10.0.0.1",
            "x:host-gateway",
        ],
    ),
    ("--annotation", &["=x", "==x"]),
    ("--blkio-weight", &["9", "1001", "70000", "x", "-1"]),
    (
        "--blkio-weight-device",
        &["x", "/dev/null:9", "/dev/null:100", "/dev/nowhere:100"],
    ),
    ("--cap-add", &["NOPE", ""]),
    ("--cap-drop", &["NOPE"]),
    ("--cgroup-parent", &["..", "a/../b"]),
    ("--cgroupns", &["x", "container:nobody"]),
    ("--cidfile", &["/proc/nowhere/id", "/etc/passwd"]),
    ("--cpu-period", &["1", "2000000", "x", "-1"]),
    ("--cpu-quota", &["1", "x"]),
    ("--cpu-rt-period", &["x", "-1"]),
    ("--cpu-rt-runtime", &["x", "2000000"]),
    ("--cpu-shares", &["1", "262145", "x", "-1"]),
    ("--cpus", &["x", "-1", "0.0001"]),
    ("--cpuset-cpus", &["3-1", "x", "4000", "1-", "0,,1"]),
    ("--cpuset-mems", &["x", "4000"]),
    (
        "--device",
        &[
            "fuse",
            "/dev/nowhere",
            "/etc/passwd",
            "/dev/null:/x:q",
            "a.b/c=nowhere",
        ],
    ),
    (
        "--device-cgroup-rule",
        &["x", "c 1 r", "q 1:1 r", "c 1:1 q"],
    ),
    (
        "--device-read-bps",
        &["x", "/dev/nowhere:1m", "/dev/null:x"],
    ),
    (
        "--device-read-iops",
        &["x", "/dev/nowhere:1", "/dev/null:1m"],
    ),
    ("--device-write-bps", &["x", "/dev/nowhere:1m"]),
    ("--device-write-iops", &["x", "/dev/nowhere:1"]),
    ("--dns", &["x", "300.1.1.1", ""]),
    ("--dns-option", &["a b", ""]),
    ("--dns-search", &["a b", ""]),
    ("--domainname", &["a/b", "a b"]),
    ("--env", &["=x", "a b=c"]),
    ("--env-file", &["/nowhere"]),
    ("--expose", &["x", "0", "70000", "90-80", "80/icmp"]),
    ("--gpus", &["x"]),
    ("--group-add", &["", "a b", "a:b"]),
    ("--health-file", &["relative"]),
    (
        "--health-http",
        &["x", "http://", "http://x:99999/", "https://x/"],
    ),
    ("--health-interval", &["x", "1us", "-1s", "5"]),
    ("--health-on-failure", &["x"]),
    ("--health-retries", &["x", "-1"]),
    ("--health-start-interval", &["x", "1us"]),
    ("--health-start-period", &["x"]),
    ("--health-tcp", &["x", "0", "70000", "box"]),
    ("--health-timeout", &["x", "1us"]),
    ("--hostname", &["a_b/c", "a b"]),
    ("--ip", &["x", "300.1.1.1"]),
    ("--ip6", &["x", "10.0.0.1"]),
    ("--ipc", &["x", "container:nobody", "ns:/nowhere"]),
    ("--label", &["=x"]),
    ("--label-file", &["/nowhere"]),
    ("--log-driver", &["nowhere"]),
    (
        "--log-opt",
        &[
            "x",
            "max-size=x",
            "max-size=0",
            "max-file=0",
            "max-file=x",
            "colour=red",
        ],
    ),
    ("--mac-address", &["x", "02:42:ac:11:00"]),
    ("--memory", &["x", "-1", "5m"]),
    ("--memory-reservation", &["x", "1"]),
    ("--memory-swap", &["x", "-2"]),
    ("--memory-swappiness", &["x", "101", "-2"]),
    ("--mount", MOUNTS),
    ("--name", &["!x", "a/b", "-x"]),
    (
        "--network",
        &[
            "",
            "name=",
            "name=a,ip=x",
            "name=a,colour=red",
            "container:",
            "ns:/nowhere",
        ],
    ),
    ("--network-alias", &["a b", ""]),
    ("--oom-score-adj", &["x", "1001", "-1001"]),
    (
        "--pid",
        &["x", "container:nobody", "ns:/nowhere", "ns:relative"],
    ),
    ("--pids-limit", &["x"]),
    ("--platform", &["x", "", "linux/", "a/b/c/d"]),
    (
        "--publish",
        &[
            "x",
            "0",
            "80:x",
            "70000",
            "1.2.3:80:80",
            "80-81:80",
            "80/icmp",
            "",
        ],
    ),
    ("--pull", &["x"]),
    (
        "--restart",
        &["x", "on-failure:x", "on-failure:-1", "always:3"],
    ),
    (
        "--security-opt",
        &[
            "x",
            "seccomp=/nowhere",
            "seccomp=/etc/passwd",
            "mask=relative",
            "no-new-privileges:maybe",
            "label=type:x",
        ],
    ),
    ("--shm-size", &["x", "-1"]),
    ("--stop-signal", &["NOPE", "0", "99"]),
    ("--stop-timeout", &["x"]),
    ("--sysctl", &["x", "=1", "vm.swappiness=1", "net./x=1"]),
    ("--time-offset", &["x", "realtime=1", "boottime=x"]),
    (
        "--tmpfs",
        &[
            "relative",
            "/x:mode=999",
            "/x:bogus",
            "/x:size=x",
            "/x:bind",
            "",
        ],
    ),
    ("--ulimit", &["x", "nofile=x", "nofile=5:2", "nope=1"]),
    ("--user", &["x:y:z", "a b", "-1", "4294967296"]),
    ("--userns", &["x", "container:nobody", "ns:/nowhere"]),
    ("--uts", &["x", "container:nobody"]),
    (
        "--volume",
        &[
            "",
            ":",
            "relative",
            "a/b:/x",
            "/a:b",
            "/a:/b:nope",
            "/a:/b:ro,rw",
            "/a:/b:/c:/d",
            "!a:/x",
            "aa:/x:rshared",
            "/a:/",
            ":/x",
        ],
    ),
    ("--volumes-from", &["nobody", "aa:x"]),
    ("--workdir", &["relative"]),
];

const MOUNTS: &[&str] = &[
    "x",
    "type=bind",
    "type=bind,source=/tmp",
    "type=bind,source=/nowhere,target=/x",
    "type=bind,source=/tmp,target=x",
    "type=bind,source=/tmp,target=/x,tmpfs-size=1m",
    "type=bind,source=/tmp,target=/x,volume-nocopy",
    "type=bind,source=/tmp,target=/x,bind-recursive=nope",
    "type=bind,source=/tmp,target=/x,bind-recursive=writable",
    "type=bind,source=/tmp,target=/x,bind-propagation=nope",
    "type=volume,source=aa,target=/x,bind-propagation=shared",
    "type=volume,source=a/b,target=/x",
    "type=volume,target=/",
    "type=volume,target=/x,readonly=maybe",
    "type=volume,target=/x,volume-driver=nope",
    "type=tmpfs,target=/x,tmpfs-mode=999",
    "type=tmpfs,target=/x,tmpfs-size=x",
    "type=tmpfs,source=a,target=/x",
    "type=image,target=/x",
    "type=nope,target=/x",
    "target=/x,target=/y",
];

/// Flags that exclude each other, and what the refusal must name.
const CONTRADICTIONS: &[(&[&str], &str)] = &[
    (&["--restart", "always", "--rm"], "restart policy"),
    (
        &["--health-cmd", "true", "--no-healthcheck"],
        "--no-healthcheck",
    ),
    (
        &["--health-tcp", "80", "--health-file", "/x"],
        "--health-file",
    ),
    (
        &["--no-healthcheck", "--health-interval", "1s"],
        "--no-healthcheck",
    ),
    (&["-m", "100m", "--memory-swap", "50m"], "less than memory"),
    (
        &["-m", "100m", "--memory-reservation", "200m"],
        "reservation",
    ),
    (&["--memory-swap", "1g"], "swap"),
    (&["--cpus", "1", "--cpu-quota", "1000"], "quota"),
    (
        &["-p", "80:80", "-p", "80:81"],
        "port 80/tcp is named twice",
    ),
    (
        &["-p", "127.0.0.1:80:80", "-p", "80:80"],
        "port 80/tcp is named twice",
    ),
    (
        &["--network", "host", "-p", "80:80"],
        "no port can be published",
    ),
    (
        &["--network", "host", "--network", "none"],
        "goes with no other",
    ),
    (&["--network", "host", "--ip", "10.0.0.2"], "--ip"),
    (
        &["--network", "host", "--sysctl", "net.ipv4.ip_forward=1"],
        "net.ipv4.ip_forward",
    ),
    (&["-v", "aa:/x", "-v", "bb:/x"], "two mounts at this path"),
    (&["-v", "aa:/x", "--tmpfs", "/x"], "two mounts at this path"),
    (&["--rootfs-rw"], "--rootfs"),
];

/// Command lines of other verbs, and what the refusal must name.
const OTHER_VERBS: &[(&str, &str)] = &[
    ("ps --filter exited=x", "exited=x"),
    ("ps --filter health=x", "health=x"),
    ("ps --filter status=x", "status=x"),
    ("ps --filter publish=x", "publish=x"),
    ("ps --filter expose=80/x", "expose=80/x"),
    ("ps --filter is-task=x", "is-task=x"),
    ("ps --filter colour=red", "colour"),
    ("ps --filter status", "status"),
    ("ps --last x", "--last"),
    ("ps --format {{.Nope}}", "Nope"),
    ("ps --format {{.ID", "{{.ID"),
    ("events --filter type=bogus", "type=bogus"),
    ("events --filter scope=bogus", "scope=bogus"),
    ("events --format {{.Nope}}", "Nope"),
    ("events --since x", "--since"),
    ("images --format {{.Nope}}", "Nope"),
    ("volume ls --format {{.Nope}}", "Nope"),
    ("volume ls --filter dangling=maybe", "dangling=maybe"),
    ("network ls --filter dangling=maybe", "dangling=maybe"),
    ("network ls --filter type=bogus", "type=bogus"),
    ("network create --subnet 10.0.0.0/33 web", "10.0.0.0/33"),
    ("network create --ip-range x web", "'x'"),
    ("network create --gateway x web", "'x'"),
    ("inspect --type bogus web", "bogus"),
    ("inspect nobody", "no such object: nobody"),
    ("inspect --type image nobody", "nobody"),
    ("inspect --type network nobody", "no such network: nobody"),
    ("inspect --type volume nobody", "no such volume: nobody"),
    ("container inspect nobody", "no such container: nobody"),
    ("stop -t x nobody", "--timeout"),
    ("restart -t 1.5 nobody", "--timeout"),
    ("stop -s NOPE nobody", "NOPE"),
    ("kill -s NOPE nobody", "NOPE"),
    ("update --cpu-shares x nobody", "--cpu-shares"),
    ("update --pids-limit x nobody", "--pids-limit"),
    ("update --restart x nobody", "--restart"),
    ("logs --tail x nobody", "--tail"),
    ("logs --since x nobody", "--since"),
    ("why -n x nobody", "--tail"),
    ("search --limit 0 x", "--limit"),
    ("volume prune --force --filter colour=red", "colour"),
];

/// What is wrong with a refusal: its code, its words, or what it was about.
fn misses(wharf: &Wharf, flags: &[&str], named: &str) -> Vec<String> {
    let mut misses = Vec::new();
    for pull in ["missing", "always"] {
        // A value of --pull itself is not to be undone.
        let pull: &[&str] = match flags.contains(&"--pull") {
            true => &[],
            false => &["--pull", pull],
        };
        let words = [&["create"], pull, flags, &[NOWHERE, "true"]].concat();
        let outcome = wharf.run(&words);
        let said = without_warnings(&outcome.stderr);
        let sentences = said.lines().filter(|line| !line.starts_with("See 'wharf"));
        let is_good = outcome.code == 125
            && said.contains(named)
            && sentences.count() == 1
            && ![NOWHERE, "os error", "invalid digit"]
                .iter()
                .any(|word| said.contains(word));
        if !is_good {
            misses.push(format!("{words:?}: code {}: {said:?}", outcome.code));
        }
    }
    misses
}

#[test]
fn values_that_cannot_be_are_refused_before_the_image_is_looked_at() {
    let wharf = with_what_the_first_look_makes();
    let before = everything(&wharf.path(""));
    let mut all = misses(&wharf, &["--rm=maybe"], "maybe");
    for (flag, values) in REFUSED {
        for value in *values {
            all.extend(misses(&wharf, &[flag, value], named(flag, value)));
        }
    }
    for (flags, named) in CONTRADICTIONS {
        all.extend(misses(&wharf, flags, named));
    }
    assert!(all.is_empty(), "not refused as it should be: {all:#?}");
    assert_unchanged(&wharf, &before);
}

#[test]
fn other_verbs_refuse_what_cannot_be() {
    let wharf = with_what_the_first_look_makes();
    let before = everything(&wharf.path(""));
    let mut misses = Vec::new();
    for (line, named) in OTHER_VERBS {
        let outcome = wharf.run(&line.split(' ').collect::<Vec<_>>());
        let said = without_warnings(&outcome.stderr);
        let sentences = said.lines().filter(|line| !line.starts_with("See 'wharf"));
        let is_good = outcome.code == 1
            && said.contains(named)
            && sentences.count() == 1
            && !said.contains("invalid digit")
            && outcome.stdout.trim().trim_matches(['[', ']']).is_empty();
        if !is_good {
            misses.push(format!("{line}: {outcome:?}"));
        }
    }
    assert!(
        misses.is_empty(),
        "not refused as it should be: {misses:#?}"
    );
    assert_unchanged(&wharf, &before);
}

#[test]
fn flags_are_read_as_docker_reads_them() {
    let wharf = Wharf::new();
    let words = "create --rm=false --name first -t=0 --cpu-shares=512 --name last host true";
    wharf.ok(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(wharf.inspect("last", "/HostConfig/AutoRemove"), false);
    assert_eq!(wharf.inspect("last", "/Config/Tty"), false);
    assert_eq!(wharf.ok(&["ps", "-aq", "--filter", "name=first"]), "");
    let refused = wharf.fails(&["create", "--name", "last", "--pull=always", NOWHERE]);
    assert!(
        refused.0 == 125 && refused.1.contains("\"last\" is in use"),
        "{refused:?}"
    );
}

#[test]
fn containers_are_listed_by_their_ports() {
    let wharf = Wharf::new();
    wharf.ok(&[
        "create", "--name", "web", "--expose", "80-90", "host", "true",
    ]);
    let found = |filter: &str| wharf.ok(&["ps", "-aq", "--filter", filter]).lines().count();
    for (filter, count) in [
        ("expose=80", 1),
        ("expose=85-100/tcp", 1),
        ("expose=80/udp", 0),
        ("expose=91", 0),
        ("publish=80", 0),
        ("is-task=false", 1),
        ("is-task=true", 0),
    ] {
        assert_eq!(found(filter), count, "{filter}");
    }
}

#[test]
fn objects_of_every_sort_are_inspected() {
    let wharf = Wharf::new();
    wharf.ok(&["volume", "create", "data"]);
    wharf.ok(&["create", "--name", "web", "host", "true"]);
    let names = wharf.ok(&["inspect", "--format", "{{.Name}}", "web", "data"]);
    assert_eq!(names, "/web\ndata");
    wharf.ok(&["image", "from-host", "--tag", "tools", "/bin/true"]);
    let (_, container) = wharf.fails(&["inspect", "--type", "container", "tools"]);
    assert!(
        container.contains("no such container: tools"),
        "{container}"
    );
    assert_eq!(
        wharf.ok(&["inspect", "--format", "{{.Os}}", "tools"]),
        "linux"
    );
    // Of several objects with one name the container is meant, unless it is said.
    wharf.ok(&["volume", "create", "web"]);
    assert_eq!(wharf.inspect("web", "/Name"), "/web");
    let volume = ["inspect", "--type=volume", "-f", "{{.Name}}", "web"];
    assert_eq!(wharf.ok(&volume), "web");
    wharf.ok(&["rm", "web"]);
}

/// What a refusal names: the value, or the flag where there is none to name.
fn named<'a>(flag: &'a str, value: &'a str) -> &'a str {
    match (flag, value) {
        ("--memory", "5m") => "5242880",
        ("--memory-reservation", "1") => "1 bytes",
        ("--log-opt", "colour=red") => "colour",
        ("--ulimit", "nofile=5:2") => "nofile",
        ("--mount", "type=bind,source=/nowhere,target=/x") => "/nowhere",
        ("--mount", "type=volume,source=a/b,target=/x") => "a/b",
        ("--volume", "!a:/x") => "!a",
        ("--sysctl", _) => value.split('=').next().unwrap_or(value),
        (
            "--device-read-bps"
            | "--device-write-bps"
            | "--device-read-iops"
            | "--device-write-iops"
            | "--blkio-weight-device",
            _,
        ) => value.split(':').next().unwrap_or(value),
        (
            "--volume" | "--tmpfs" | "--mount" | "--pid" | "--ipc" | "--uts" | "--userns"
            | "--cgroupns" | "--network" | "--log-opt" | "--security-opt",
            _,
        ) => value.split(['=', ',', ':']).next_back().unwrap_or(value),
        _ => value,
    }
}
