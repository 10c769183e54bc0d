//! `wharf oci checkpoint` and `restore`, through CRIU. Where CRIU cannot run, its reason is told; in
//! the machine of `cargo xtask vm` it can.

use std::process::Command;

use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::is_root;

/// A container that counts in a file of its own.
fn counting() -> Bundle {
    let script = "i=0; while :; do i=$((i+1)); echo $i > /tmp/count; sleep 0.05; done";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    let tmpfs = json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"});
    bundle.config["mounts"].as_array_mut().unwrap().push(tmpfs);
    bundle.create();
    bundle.ok(&["start", "box"]);
    bundle
}

fn count(bundle: &Bundle) -> u64 {
    loop {
        let count = bundle.run(&["exec", "box", "cat", "/tmp/count"]).stdout;
        if let Ok(count) = count.trim().parse() {
            return count;
        }
    }
}

/// Whether CRIU works here at all.
fn criu_works() -> bool {
    Command::new("criu")
        .arg("check")
        .output()
        .is_ok_and(|output| output.status.success())
}

#[test]
fn a_container_goes_on_where_it_was_written_down() {
    if !is_root() {
        return;
    }
    let bundle = counting();
    while count(&bundle) < 5 {}
    if !criu_works() {
        let refused = bundle.fails(&["checkpoint", "--image-path", "images", "box"]);
        assert!(refused.contains("criu"), "{refused}");
        assert_eq!(bundle.state("status"), "running");
        println!("skipped: criu cannot run here: {}", refused.trim());
        return bundle.end();
    }
    bundle.ok(&[
        "checkpoint",
        "--image-path",
        "images",
        "--leave-running",
        "box",
    ]);
    assert_eq!(bundle.state("status"), "running");
    std::fs::remove_dir_all(bundle.path("images")).unwrap();
    bundle.ok(&[
        "checkpoint",
        "--image-path",
        "images",
        "--work-path",
        "work",
        "box",
    ]);
    assert!(bundle.fails(&["state", "box"]).contains("does not exist"));
    let restore = [
        "restore",
        "--detach",
        "--image-path",
        "images",
        "--work-path",
        "work",
    ];
    let words = [&restore[..], &["--pid-file", "pid", "box"]].concat();
    let log = || std::fs::read_to_string(bundle.path("work/restore.log"));
    assert!(bundle.quietly(&words), "{:?}", log());
    assert_eq!(bundle.state("status"), "running");
    let pid = std::fs::read_to_string(bundle.path("pid")).unwrap();
    assert_eq!(pid, bundle.state("pid").to_string());
    let restored = count(&bundle);
    assert!(restored >= 5, "{restored}");
    while count(&bundle) == restored {}
    bundle.end();
}

#[test]
fn what_cannot_be_written_down_is_refused() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["true"]);
    bundle.create();
    let refused = bundle.fails(&["checkpoint", "box"]);
    assert!(
        refused.contains("cannot be checkpointed in created state"),
        "{refused}"
    );
    bundle.ok(&["delete", "--force", "box"]);
    let bundle = Bundle::sleeping();
    let refused = |words: &[&str]| bundle.fails(&[&["checkpoint"], words, &["box"]].concat());
    assert!(refused(&["--parent-path", "/images"]).contains("must be relative"));
    assert!(refused(&["--parent-path", "../none"]).contains("invalid --parent-path"));
    assert!(refused(&["--page-server", "nowhere"]).contains("ADDRESS:PORT"));
    assert!(refused(&["--manage-cgroups-mode", "so"]).contains("soft, full, strict"));
    bundle.end();
}
