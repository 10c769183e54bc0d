//! Our own program, taken over from inside: it runs as root of the host the next time
//! (CVE-2019-5736), or loads what the container put in its way (CVE-2019-14271).

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::is_root;

/// Who is not root, in tests that root runs.
const USER: u32 = 12_345;

/// Finds the process of ours that was lured into the container, holds its file, waits until nobody
/// runs it any more, which is when it could be written, and tries to: as the file itself and
/// through the link of the descriptor.
const OVERWRITE: &str = r#"
    while :; do
        for process in /proc/[0-9]*; do
            read -r words < $process/cmdline
            case "$words" in /wharf-init*) break 2 ;; esac
        done 2>/dev/null
    done
    exec 3< $process/exe
    kill -9 ${process#/proc/}
    while read -r name < $process/comm; do :; done 2>/dev/null
    (echo overwritten > /proc/self/fd/3) 2>/dev/null && echo written
    (echo overwritten >> /proc/self/fd/3) 2>/dev/null && echo appended
    (echo overwritten 1<> /proc/self/fd/3) 2>/dev/null && echo rewritten
    readlink /proc/self/fd/3 | grep -c .
"#;

fn digest(program: &Path) -> Vec<u8> {
    let output = Command::new("sha256sum").arg(program).output().unwrap();
    output.stdout
}

/// Lures our program into a container by an `exec` of `/proc/self/exe`, and overwrites it.
fn lure(bundle: &Bundle) {
    let program = Path::new(bundle.command().get_program()).to_owned();
    let before = digest(&program);
    std::os::unix::fs::symlink("/proc/self/exe", bundle.path("rootfs/wharf-init")).unwrap();
    bundle.create();
    bundle.ok(&["start", "box"]);
    let words = ["exec", "box", "sh", "-c", OVERWRITE];
    let mut attack = bundle.command();
    attack
        .args(bundle.words(&words))
        .stdout(std::process::Stdio::piped());
    let attack = attack.spawn().unwrap();
    // Our program as a small init stays until its own program ends.
    let quiet = "exec sleep 1000 < /dev/null > /dev/null 2>&1";
    let bait = ["exec", "box", "/wharf-init", "sh", "-c", quiet];
    let lured = bundle.run(&bait);
    assert_ne!(lured.code, 0, "the attack kills it");
    let output = attack.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n");
    assert_eq!(digest(&program), before);
    bundle.end();
}

#[test]
fn exec_of_our_own_program_cannot_overwrite_it() {
    if !is_root() {
        return;
    }
    lure(&Bundle::new(&["sleep", "1000"]));
}

/// The program belongs to root, as installed: it is executed as it is, which costs no copy.
#[test]
fn exec_by_an_ordinary_user_cannot_overwrite_the_hosts_program() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::of_user(USER, &["sleep", "1000"]);
    lure(&bundle);
    assert!(!is_copied(&bundle));
}

#[test]
fn exec_by_an_ordinary_user_cannot_overwrite_a_program_of_their_own() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::of_user(USER, &["sleep", "1000"]);
    let program = bundle.command().get_program().to_owned();
    std::os::unix::fs::chown(&program, Some(USER), None).unwrap();
    lure(&bundle);
    assert!(is_copied(&bundle));
}

/// Others than the owner may write the program; a container's processes could be among them.
#[test]
fn a_program_that_everybody_may_write_is_not_entered_with() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::of_user(USER, &["true"]);
    let program = bundle.command().get_program().to_owned();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&program, everybody).unwrap();
    assert!(is_copied(&bundle));
    bundle.assert_nothing_left();
}

/// Whether the process of ours that becomes the container's runs from a copy in memory: seen in one
/// that is created and waits for its start.
fn is_copied(bundle: &Bundle) -> bool {
    bundle.create();
    let link = format!("/proc/{}/exe", bundle.state("pid"));
    let file = std::fs::read_link(link).unwrap();
    bundle.end();
    file.to_str().unwrap().starts_with("/memfd:wharf")
}

/// An image whose program is a script that `/proc/self/exe` shall interpret: that is us, before the
/// container is closed off.
#[test]
fn an_image_cannot_make_us_its_interpreter() {
    if !is_root() {
        return;
    }
    let script = "#!/proc/self/exe\n";
    let bundle = Bundle::new(&["/attack"]);
    let program = Path::new(bundle.command().get_program()).to_owned();
    let before = digest(&program);
    let attack = bundle.path("rootfs/attack");
    std::fs::write(&attack, script).unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&attack, everybody).unwrap();
    // It is interpreted by whatever runs it: our program, which finds no verb in a path.
    assert_ne!(bundle.run(&["run", "box"]).code, 0);
    assert_eq!(digest(&program), before);
    bundle.assert_nothing_left();
}

/// The C library's first call is `brk`: before it, the program has touched next to nothing.
#[test]
fn the_program_is_sealed_before_it_begins() {
    if !is_root() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: needs strace");
        return;
    }
    let bundle = Bundle::new(&["true"]);
    let ours = bundle.command();
    let trace = bundle.path("trace");
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-e", "trace=execve,execveat,brk", "-o"]);
    strace.arg(&trace).arg(ours.get_program());
    strace
        .args(ours.get_args())
        .args(bundle.words(&["run", "box"]));
    let status = strace.current_dir(bundle.path("")).status().unwrap();
    assert!(status.success());
    let trace = std::fs::read_to_string(trace).unwrap();
    let calls: Vec<&str> = trace
        .lines()
        .filter_map(|line| line.split('(').next())
        .take(3)
        .collect();
    assert_eq!(calls, ["execve", "execveat", "brk"], "{trace}");
    bundle.assert_nothing_left();
}

/// Nothing of the image is loaded into a process of ours, since nothing is loaded at all.
#[test]
fn our_process_in_a_container_has_no_libraries() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    bundle.config["process"]["env"] = json!(["PATH=/usr/bin", "LD_PRELOAD=/evil.so"]);
    bundle.create();
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", bundle.state("pid"))).unwrap();
    let files: Vec<&str> = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .filter(|name| name.starts_with('/'))
        .collect();
    assert!(!files.is_empty(), "{maps}");
    for file in files {
        assert!(!file.contains(".so"), "{maps}");
    }
    bundle.end();
}
