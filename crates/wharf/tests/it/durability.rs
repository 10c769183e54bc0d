//! A pull does not wait for the disk. A crash of the machine right after it is played here: files
//! are damaged as a crash damages them, and the boot's id is another one.

use crate::harness::{Wharf, is_root};
use crate::layout::{Codec, Layout, archive, shell};
use crate::registry::has;

const BOOT: &str = "00000000-0000-0000-0000-000000000000";

/// Loads an image `name` of a shell and one file, and waits until it is on the disk.
fn load(wharf: &Wharf, word: &str) -> String {
    let layout = Layout::of(&[shell(), (archive(&[(word, word.as_bytes())]), Codec::Gzip)]);
    let loaded = wharf.ok(&["load", "-i", layout.path().to_str().unwrap()]);
    settled(wharf);
    loaded.strip_prefix("Loaded image ID: ").unwrap().to_owned()
}

/// Waits for the process behind the last pull.
fn settled(wharf: &Wharf) {
    while !wharf.entries("data/images/unsynced").is_empty() {}
}

/// The hexadecimal digits of all blobs and layers.
fn everything(wharf: &Wharf) -> Vec<String> {
    let blobs = wharf.entries("data/images/blobs/sha256");
    [blobs, wharf.entries("data/images/layers")].concat()
}

fn record(wharf: &Wharf, boot: &str) -> std::path::PathBuf {
    let path = wharf.path("data/images/unsynced/abc");
    let text = format!("{boot}\n{}", everything(wharf).join("\n"));
    std::fs::write(&path, text).unwrap();
    path
}

/// The machine crashed before anything of the last pulls was on the disk for certain.
fn crash(wharf: &Wharf) {
    record(wharf, BOOT);
    std::fs::write(wharf.path("run/boot"), BOOT).unwrap();
}

/// Empties every file that `find` finds.
fn empty(wharf: &Wharf, arguments: &str) {
    let script = format!("find {arguments} -exec truncate -s 0 {{}} +");
    let mut shell = std::process::Command::new("sh");
    let shell = shell.args(["-ec", &script]);
    let status = shell.current_dir(wharf.path("data/images")).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_layer_that_a_crash_emptied_is_unpacked_again() {
    if !has(&["busybox"]) {
        return;
    }
    let wharf = Wharf::new();
    let image = load(&wharf, "word");
    empty(&wharf, "layers -type f");
    crash(&wharf);
    assert_eq!(wharf.ok(&["images", "-q"]).lines().count(), 1);
    assert_eq!(wharf.ok(&["image", "mount", &image, "cat", "word"]), "word");
    assert_eq!(wharf.entries("data/images/unsynced"), [""; 0]);
    assert_eq!(wharf.entries("data/images/layers").len(), 2);
    wharf.ok(&["system", "check"]);
}

#[test]
fn a_container_starts_on_layers_that_a_crash_took() {
    if !is_root() || !has(&["busybox"]) {
        return;
    }
    let wharf = Wharf::new();
    let image = load(&wharf, "word");
    let create = [
        "create",
        "--name",
        "web",
        &image,
        "sh",
        "-c",
        "busybox cat word",
    ];
    wharf.ok(&create);
    empty(&wharf, "layers -type f");
    crash(&wharf);
    assert_eq!(wharf.ok(&["start", "-a", "web"]), "word");
}

#[test]
fn an_image_that_a_crash_damaged_was_never_pulled_and_the_others_stay() {
    if !has(&["busybox"]) {
        return;
    }
    for damaged in ["blobs -type f -size +20k", "blobs -type f -size -20k"] {
        let wharf = Wharf::new();
        let lost = load(&wharf, "lost");
        empty(&wharf, damaged);
        crash(&wharf);
        assert_eq!(wharf.ok(&["images", "-q"]), "", "{damaged}");
        wharf.fails(&["image", "mount", &lost, "true"]);
        wharf.ok(&["system", "check"]);
        // It can be brought again, over what is left.
        let again = load(&wharf, "lost");
        assert_eq!(again, lost);
        let word = wharf.ok(&["image", "mount", &again, "cat", "lost"]);
        assert_eq!(word, "lost");
        let kept = load(&wharf, "kept");
        empty(&wharf, "layers -name lost");
        std::fs::write(wharf.path("run/boot"), BOOT).unwrap();
        // What was on the disk is trusted: nobody wrote down that it was not.
        let word = wharf.ok(&["image", "mount", &kept, "cat", "kept"]);
        assert_eq!(word, "kept");
    }
}

#[test]
fn what_a_killed_pull_left_is_settled_behind_the_next_one() {
    if !has(&["busybox"]) {
        return;
    }
    let wharf = Wharf::new();
    load(&wharf, "first");
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let path = record(&wharf, boot.trim());
    let pull_at_work = std::fs::File::open(&path).unwrap();
    pull_at_work.lock().unwrap();
    let settle = || {
        let mut command = std::process::Command::new(crate::harness::program());
        let command = command.arg("__settle").arg(wharf.path("data"));
        assert!(command.status().unwrap().success());
    };
    settle();
    assert!(path.exists(), "the record of a pull at work is its own");
    drop(pull_at_work);
    let second = load(&wharf, "second");
    assert!(!path.exists());
    // Nothing was distrusted.
    assert_eq!(
        wharf.ok(&["image", "mount", &second, "cat", "second"]),
        "second"
    );
}

#[test]
fn an_image_that_is_here_needs_no_record() {
    if !has(&["busybox", "strace"]) {
        return;
    }
    let wharf = Wharf::new();
    let layout = Layout::of(&[shell()]);
    let words = ["load", "-q", "-i", layout.path().to_str().unwrap()];
    wharf.ok(&words);
    settled(&wharf);
    let trace = wharf.path("trace");
    let ours = wharf.command();
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=fsync,syncfs,sync"]);
    strace.arg("-o").arg(&trace).arg(ours.get_program());
    let status = strace.args(ours.get_args()).args(words).status().unwrap();
    assert!(status.success());
    let calls = std::fs::read_to_string(trace).unwrap();
    assert!(!calls.contains("sync"), "{calls}");
}
