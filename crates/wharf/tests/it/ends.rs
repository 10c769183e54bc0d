//! Why a program did not start, or ended: what is wrong with it is named.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::{Wharf, is_root};

fn write(directory: &Path, name: &str, content: &[u8]) {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Programs of all kinds that cannot run.
fn bad_programs(directory: &Path) {
    std::fs::create_dir(directory).unwrap();
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
    write(directory, "crlf", b"#!/bin/sh\r\necho hello\r\n");
    write(directory, "uninterpreted", b"#!/no/such/interpreter -e\n");
    write(directory, "text", b"echo hello\n");
    write(directory, "empty", b"");
    let mut program = std::fs::read("/bin/true").unwrap();
    let place = |program: &[u8]| program.windows(4).position(|part| part == b"/ld-").unwrap();
    let at = place(&program);
    program[at..at + 4].copy_from_slice(b"/no-");
    write(directory, "unloaded", &program);
    // The low byte of the number of the machine: that of a processor of the eighties.
    program[18..20].copy_from_slice(&[2, 0]);
    write(directory, "foreign", &program);
}

#[test]
fn a_start_that_fails_says_what_is_wrong_with_the_program() {
    let wharf = Wharf::new();
    let directory = wharf.path("bad");
    bad_programs(&directory);
    let volume = format!("{}:/bad:ro", directory.display());
    let cases = [
        ("crlf", 127, "Windows line ends (CRLF)"),
        ("uninterpreted", 127, "its interpreter /no/such/interpreter"),
        ("text", 126, "a first line such as #!/bin/sh"),
        ("empty", 126, "the file is empty"),
        ("unloaded", 127, "its loader /"),
        (
            "foreign",
            126,
            "it is a program for machine number 2, and this machine is",
        ),
    ];
    for (program, code, words) in cases {
        let path = format!("/bad/{program}");
        let (exit, why) = wharf.fails(&["run", "--rm", "-v", &volume, "host", &path]);
        assert_eq!(exit, code, "{why}");
        assert!(
            why.contains(words) && why.contains(&path),
            "{program}: {why}"
        );
    }
    wharf.fails(&["run", "--name", "web", "-v", &volume, "host", "/bad/crlf"]);
    assert!(wharf.ok(&["why", "web"]).contains("CRLF"));
    wharf.ok(&[
        "run", "-d", "--name", "beside", "-v", &volume, "host", "sleep", "1000",
    ]);
    let (code, why) = wharf.fails(&["exec", "beside", "/bad/text"]);
    assert!(code == 126 && why.contains("#!/bin/sh"), "{why}");
}

#[test]
fn a_library_that_is_missing_is_named() {
    let wharf = Wharf::new();
    wharf.ok(&["image", "from-host", "--tag", "tools", "/bin/ls"]);
    wharf.ok(&["create", "--name", "source", "tools"]);
    let archive = wharf.path("tools.tar");
    wharf.ok(&["export", "-o", archive.to_str().unwrap(), "source"]);
    let root = wharf.path("root");
    std::fs::create_dir(&root).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(&root).arg("-xf").arg(&archive);
    assert!(tar.status().unwrap().success());
    let mut find = Command::new("find");
    find.arg(&root)
        .args(["-name", "libselinux.so*", "-print", "-delete"]);
    if find.output().unwrap().stdout.is_empty() {
        println!("skipped: needs an ls that is linked with libselinux");
        return;
    }
    let rootfs = root.to_str().unwrap();
    let outcome = wharf.run(&["run", "--name", "web", "--rootfs", rootfs, "ls"]);
    assert_eq!(outcome.code, 127, "{outcome:?}");
    let why = wharf.ok(&["why", "web"]);
    assert!(
        why.contains("ls needs the library libselinux.so.1"),
        "{why}"
    );
}

#[test]
fn what_was_used_is_kept_with_the_end() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&["run", "--name", "web", "-m", "64m", "host", "true"]);
    for figure in ["MemoryPeak", "CpuTime", "BlockRead", "BlockWritten"] {
        let value = wharf.inspect("web", &format!("/State/Used/{figure}"));
        assert!(value.is_u64(), "{figure}: {value}");
    }
    let why = wharf.ok(&["why", "web"]);
    for words in ["memory at most: ", "processor time: ", "block devices: "] {
        assert!(why.contains(words), "{words}: {why}");
    }
    assert_eq!(wharf.inspect("web", "/HostConfig/MemorySwap"), 128 << 20);
}
