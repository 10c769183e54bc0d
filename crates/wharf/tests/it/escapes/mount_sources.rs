//! Sources of mounts, and what was made for mounts, below links that lead out: what BuildKit got
//! wrong (CVE-2024-23651, CVE-2024-23652), as far as a runtime can.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::is_root;

/// CVE-2024-23651: between the look at a source in the root and its mount, a link to the host is
/// put there by whoever shares the root.
#[test]
fn a_source_in_the_root_that_turns_never_shows_the_host() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["cat", "/shown/name"]);
    let root = bundle.path("rootfs");
    for (place, words) in [
        (root.join("inner/sub"), "inside"),
        (bundle.path("sub"), "host"),
    ] {
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("name"), words).unwrap();
    }
    symlink(bundle.path(""), root.join("turned")).unwrap();
    let mount = json!({"destination": "/shown", "source": root.join("inner/sub"),
        "type": "bind", "options": ["bind"]});
    bundle.config["mounts"].as_array_mut().unwrap().push(mount);
    let is_over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let turner = scope.spawn(|| {
            let mut turns = 0u32;
            while !is_over.load(Ordering::Relaxed) {
                let (from, to) = (root.join("inner"), root.join("turned"));
                renameat_with(CWD, &from, CWD, &to, RenameFlags::EXCHANGE).unwrap();
                turns += 1;
            }
            turns
        });
        let seen: Vec<_> = (0..40).map(|_| bundle.run(&["run", "box"])).collect();
        is_over.store(true, Ordering::Relaxed);
        let turns = turner.join().unwrap();
        assert!(turns > 40, "{turns} turns are no race");
        seen
    });
    for outcome in &seen {
        assert_ne!(outcome.stdout, "host", "{outcome:?}");
        assert!(
            outcome.code == 0 || !outcome.stderr.is_empty(),
            "{outcome:?}"
        );
    }
    bundle.assert_nothing_left();
}

/// CVE-2024-23652: empty files and directories that a mount needed are cleared away afterwards,
/// through a link of the image.
#[test]
fn no_link_of_the_image_lets_a_file_of_the_host_be_removed() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["true"]);
    let outside = bundle.path("outside");
    std::fs::create_dir_all(outside.join("directory")).unwrap();
    std::fs::write(outside.join("file"), "").unwrap();
    std::fs::write(bundle.path("source"), "").unwrap();
    let up = Path::new(&"../".repeat(40)).join(outside.strip_prefix("/").unwrap());
    for (link, target) in [("absolute", outside.clone()), ("relative", up)] {
        symlink(target, bundle.path("rootfs").join(link)).unwrap();
        for (name, source) in [("directory", "rootfs"), ("file", "source")] {
            let mount = json!({"destination": format!("/{link}/{name}"),
                "source": bundle.path(source), "type": "bind", "options": ["bind"]});
            bundle.config["mounts"].as_array_mut().unwrap().push(mount);
        }
    }
    bundle.config["root"]["readonly"] = json!(false);
    bundle.ok(&["run", "box"]);
    // A container without a mount namespace has its mounts cleared away by us.
    let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != "mount");
    bundle.ok(&["run", "box"]);
    assert!(outside.join("directory").is_dir());
    assert!(outside.join("file").is_file());
    bundle.assert_nothing_left();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(outside.to_str().unwrap()), "{mounts}");
}
