//! Programs of the host in a container's namespaces, and the debugger beside it.

use crate::harness::{Wharf, is_root};

fn namespace(pid: &str, kind: &str) -> String {
    let link = std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
    format!("{}\n", link.to_str().unwrap())
}

#[test]
fn a_program_of_the_host_runs_in_the_chosen_namespaces_alone() {
    let wharf = Wharf::new();
    wharf.sleeper("web");
    let pid = wharf.inspect("web", "/State/Pid").to_string();
    for (flag, kind) in [
        ("-n", "net"),
        ("-u", "uts"),
        ("-i", "ipc"),
        ("-U", "user"),
        ("-C", "cgroup"),
        ("-p", "pid"),
        // The container's /proc shows nobody from outside of its pid namespace.
        ("-mp", "mnt"),
    ] {
        let looked = |kind: &str| {
            let link = format!("/proc/self/ns/{kind}");
            wharf
                .run(&["nsenter", flag, "web", "readlink", &link])
                .stdout
        };
        assert_eq!(looked(kind), namespace(&pid, kind), "{flag}");
        let other = if kind == "ipc" { "net" } else { "ipc" };
        assert_eq!(looked(other), namespace("self", other), "{flag}");
    }
    let inside = wharf.ok(&["nsenter", "--all", "web", "sh", "-c", "echo $$; hostname"]);
    let hostname = wharf.inspect("web", "/Config/Hostname");
    assert!(inside.ends_with(hostname.as_str().unwrap()), "{inside}");
    assert_eq!(
        wharf
            .run(&["nsenter", "--net", "web", "sh", "-c", "exit 7"])
            .code,
        7
    );
    let (code, why) = wharf.fails(&["nsenter", "--net", "web", "/no/such/program"]);
    assert_eq!(code, 127, "{why}");
    let (_, why) = wharf.fails(&["nsenter", "web", "true"]);
    assert!(why.contains("--net"), "{why}");
    wharf.ok(&["stop", "-t", "0", "web"]);
    let (_, why) = wharf.fails(&["nsenter", "--net", "web", "true"]);
    assert!(why.contains("not running"), "{why}");
}

#[test]
fn nothing_of_the_caller_goes_with_a_program_that_the_container_may_look_at() {
    let wharf = Wharf::new();
    wharf.sleeper("web");
    let mut command = wharf.command();
    command.args([
        "nsenter",
        "--user",
        "--pid",
        "web",
        "sh",
        "-c",
        "env; pwd; ls /proc/self/fd",
    ]);
    command.env("SECRET", "of the host").current_dir("/usr");
    // Without a flag to close it, a descriptor goes to whoever is executed.
    let open = std::fs::File::open("/etc/hostname").unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains("SECRET"), "{said}");
    assert!(said.contains("\n/\n"), "{said}");
    // The three streams, and the directory that ls reads.
    assert!(said.ends_with("\n0\n1\n2\n3\n"), "{said}");
}

#[test]
fn a_container_that_may_trace_gets_no_program_with_the_hosts_files() {
    let wharf = Wharf::new();
    let words = [
        "run",
        "-d",
        "--name",
        "web",
        "--cap-add",
        "SYS_PTRACE",
        "host",
        "sleep",
        "1000",
    ];
    wharf.ok(&words);
    let (_, why) = wharf.fails(&["nsenter", "--user", "--pid", "web", "true"]);
    assert!(
        why.contains("CAP_SYS_PTRACE") && why.contains("wharf debug"),
        "{why}"
    );
    wharf.ok(&["nsenter", "--user", "--net", "web", "true"]);
    wharf.ok(&["nsenter", "--all", "web", "true"]);
}

/// An image with one program and no shell.
fn bare_image(wharf: &Wharf) {
    wharf.ok(&["image", "from-host", "--tag", "bare", "/bin/sleep"]);
}

#[test]
fn the_debugger_sees_the_container_and_brings_its_own_tools() {
    let wharf = Wharf::new();
    bare_image(&wharf);
    wharf.ok(&["run", "-d", "--name", "web", "bare", "/bin/sleep", "1000"]);
    assert_ne!(wharf.run(&["exec", "web", "sh", "-c", "true"]).code, 0);
    let pid = wharf.inspect("web", "/State/Pid").to_string();
    let look =
        "pwd; ls; readlink /proc/self/ns/net /proc/self/ns/pid /proc/self/ns/user; ps -o args 1";
    let said = wharf.ok(&["debug", "web", "sh", "-c", look]);
    assert!(said.starts_with("/proc/1/root\n"), "{said}");
    for kind in ["net", "pid", "user"] {
        assert!(said.contains(&namespace(&pid, kind)), "{kind}: {said}");
    }
    assert!(said.ends_with("/bin/sleep 1000"), "{said}");
    // A shell reads what it is to do from the standard input.
    let outcome = wharf.run_with_input(&["debug", "web"], "touch new && echo $WHARF_ROOT; exit 3");
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (3, "/proc/1/root\n")
    );
    assert!(wharf.ok(&["diff", "web"]).contains("A /new"));
    assert_eq!(
        wharf.ok(&["ps", "-aq"]).lines().count(),
        1,
        "the debugger is gone"
    );
}

#[test]
fn a_hostile_container_finds_nothing_of_the_host_in_its_debugger() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let secret = wharf.path("secret");
    std::fs::write(&secret, "of the host").unwrap();
    let words = [
        "run",
        "-d",
        "--name",
        "web",
        "--cap-add",
        "ALL",
        "host",
        "sleep",
        "1000",
    ];
    wharf.ok(&words);
    let mut debugger = wharf.command();
    debugger.args(["debug", "web", "sh", "-c", "echo ready; read line"]);
    debugger.env("SECRET", "of the host").current_dir("/etc");
    debugger
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut debugger = debugger.spawn().unwrap();
    let mut line = String::new();
    let mut said = std::io::BufReader::new(debugger.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert_eq!(line, "ready\n");
    let look = format!(
        "for p in /proc/[0-9]*; do [ $p = /proc/1 ] && continue; tr '\\0' '\\n' < $p/environ; \
         ls $p/root$0 {}; ls -l $p/cwd/ $p/fd/; done 2>&1",
        "2>/dev/null"
    );
    let seen = wharf
        .run(&["exec", "web", "sh", "-c", &look, secret.to_str().unwrap()])
        .stdout;
    assert!(
        !seen.contains("SECRET") && !seen.contains("hostname"),
        "{seen}"
    );
    assert!(!seen.contains(secret.to_str().unwrap()), "{seen}");
    drop(debugger.stdin.take());
    debugger.wait().unwrap();
}
