//! Directories of the host, reached through descriptors that were left open (CVE-2024-21626).

use std::process::Command;

use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::is_root;

/// Runs a verb from a shell that holds the host's root as descriptors 3 to 9.
fn with_roots_open(bundle: &Bundle, words: &[&str]) -> std::process::Output {
    let command = bundle.command();
    let script = "exec 3</ 4</ 5</ 6</ 7</ 8</ 9</; exec \"$@\"";
    Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .args(bundle.words(words))
        .current_dir(bundle.path(""))
        .output()
        .unwrap()
}

/// Who sees the host's root sees this file of it.
fn secret(bundle: &Bundle) -> String {
    let path = bundle.path("secret");
    std::fs::write(&path, "secret of the host").unwrap();
    path.to_str().unwrap().trim_start_matches('/').to_owned()
}

const HIGHEST: u32 = 24;

#[test]
fn a_working_directory_cannot_be_a_descriptor_of_ours() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&[]);
    let secret = secret(&bundle);
    let script = format!("cat {secret} ../{secret} ../../{secret} /proc/self/cwd/{secret}");
    bundle.config["process"]["args"] = json!(["sh", "-c", script]);
    // A link of the image that leads there is the same.
    std::os::unix::fs::symlink("/proc/self/fd", bundle.path("rootfs/fds")).unwrap();
    for directory in ["/proc/self/fd", "/proc/1/fd", "/fds"] {
        for number in 3..HIGHEST {
            bundle.config["process"]["cwd"] = json!(format!("{directory}/{number}"));
            let output = with_roots_open(&bundle, &["run", "box"]);
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(!text.contains("secret"), "{directory}/{number}: {output:?}");
        }
    }
    bundle.assert_nothing_left();
}

#[test]
fn exec_has_no_descriptors_of_the_host() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "1000"]);
    let secret = secret(&bundle);
    bundle.create();
    bundle.ok(&["start", "box"]);
    for number in 3..HIGHEST {
        let cwd = format!("/proc/self/fd/{number}");
        let script = format!("cat {secret} ../{secret}");
        let words = ["exec", "--cwd", &cwd, "box", "sh", "-c", &script];
        let output = with_roots_open(&bundle, &words);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("secret"), "{number}: {output:?}");
        let program = format!("{cwd}/usr/bin/true");
        let output = with_roots_open(&bundle, &["exec", "box", &program]);
        assert!(!output.status.success(), "{number}: {output:?}");
    }
    bundle.end();
}

/// A process of the container that watches for ours must find nothing in them.
#[test]
fn a_program_sees_no_descriptors_of_ours() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "1000"]);
    let secret = secret(&bundle);
    bundle.create();
    // The container that waits for its start can be entered too.
    let watch = format!(
        "for i in $(seq 200); do for p in /proc/[0-9]*; do for f in $p/fd/* $p/cwd $p/root; do \
         cat $f/{secret} $f/../{secret} 2>/dev/null; done; done; done; echo watched"
    );
    let mut watcher = bundle.command();
    watcher.args(bundle.words(&["exec", "box", "sh", "-c", &watch]));
    let watcher = watcher
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..10 {
        with_roots_open(&bundle, &["exec", "box", "true"]);
    }
    bundle.ok(&["start", "box"]);
    let output = watcher.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "watched\n");
    bundle.end();
}
