//! Device nodes of `config.json`: what stands in the container, and what stands in the way.

use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::is_root;

#[test]
fn nodes_of_every_kind_have_their_owner_and_mode() {
    if !is_root() {
        return;
    }
    let script = "stat -c '%F %t:%T %a %u:%g' /dev/char /dev/sub/block /dev/unbuffered /dev/fifo";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    bundle.config["linux"]["devices"] = json!([
        {"path": "/dev/char", "type": "c", "major": 1, "minor": 5, "fileMode": 0o620, "uid": 3},
        {"path": "/dev/sub/block", "type": "b", "major": 7, "minor": 1, "gid": 4},
        {"path": "/dev/unbuffered", "type": "u", "major": 1, "minor": 3},
        {"path": "/dev/fifo", "type": "p", "fileMode": 0o600}]);
    let output = bundle.output();
    let expected = [
        "character special file 1:5 620 3:0",
        "block special file 7:1 666 0:4",
        "character special file 1:3 666 0:0",
        "fifo 0:0 600 0:0",
    ];
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_file_in_the_place_of_a_device_is_an_error() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    std::fs::write(bundle.path("rootfs/node"), "").unwrap();
    bundle.config["linux"]["devices"] =
        json!([{"path": "/node", "type": "c", "major": 1, "minor": 3}]);
    let message = bundle.fails(&["run", "box"]);
    assert!(
        message.contains("/node") && message.contains("exists"),
        "{message}"
    );
    bundle.assert_nothing_left();
}

#[test]
fn in_a_user_namespace_the_host_s_nodes_are_shown() {
    if !is_root() {
        return;
    }
    let script = "echo x > /dev/null; head -c 2 /dev/zero | wc -c; test -p /dev/fifo && echo fifo";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    bundle.with_user_namespace();
    bundle.config["linux"]["devices"] = json!([{"path": "/dev/fifo", "type": "p"},
        {"path": "/dev/zero", "type": "c", "major": 1, "minor": 5}]);
    assert_eq!(bundle.output(), "2\nfifo");
}

/// Denies mknodat (259) with EPERM to whatever it executes.
#[cfg(target_arch = "x86_64")]
const WITHOUT_MKNOD: &str = "$f = pack('SCCL' x 4, 0x20, 0, 0, 0, 0x15, 0, 1, 259, \
                             6, 0, 0, 0x50001, 6, 0, 0, 0x7fff0000); \
                             $p = pack('Sx6P', 4, $f); \
                             syscall(157, 22, 2, $p) == 0 or die; exec @ARGV";

/// Outside of a user namespace too somebody may forbid mknod: here a filter that we run below.
#[test]
#[cfg(target_arch = "x86_64")]
fn what_may_not_be_made_is_shown() {
    if !is_root() {
        return;
    }
    let script = "head -c 2 /dev/zero | wc -c; grep -o ' /dev/[zr][a-z]* ' /proc/self/mountinfo";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    bundle.config["linux"]["devices"] =
        json!([{"path": "/dev/random", "type": "c", "major": 1, "minor": 8}]);
    let run = |bundle: &Bundle| {
        let command = bundle.command();
        let output = std::process::Command::new("perl")
            .args(["-e", WITHOUT_MKNOD])
            .arg(command.get_program())
            .args(command.get_args())
            .args(bundle.words(&["run", "box"]))
            .current_dir(bundle.path(""))
            .output();
        crate::harness::Outcome::from(output.unwrap())
    };
    let shown = run(&bundle);
    assert!(shown.stdout.starts_with("2\n"), "{shown:?}");
    for name in ["zero", "random"] {
        assert!(
            shown.stdout.contains(&format!(" /dev/{name} \n")),
            "{shown:?}"
        );
    }
    // Only the device that is meant.
    bundle.config["linux"]["devices"] =
        json!([{"path": "/dev/null", "type": "c", "major": 1, "minor": 8}]);
    let refused = run(&bundle);
    assert!(refused.stderr.contains("making /dev/null"), "{refused:?}");
    bundle.assert_nothing_left();
}

/// An image's own /dev/ptmx would not lead to the container's terminals.
#[test]
fn the_multiplexer_of_terminals_is_the_container_s() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["readlink", "/dev/ptmx"]);
    std::fs::create_dir(bundle.path("rootfs/dev")).unwrap();
    symlink("/elsewhere", bundle.path("rootfs/dev/ptmx")).unwrap();
    let mounts = bundle.config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["destination"] != "/dev");
    assert_eq!(bundle.output(), "pts/ptmx");
    let null = std::fs::metadata(bundle.path("rootfs/dev/null")).unwrap();
    assert!(null.file_type().is_char_device() && null.mode() & 0o777 == 0o666);
}
