//! Places of mounts that lead out of the root: by links of the image (CVE-2024-45310,
//! CVE-2026-41579, CVE-2025-52565), and by links that somebody turns meanwhile (CVE-2021-30465).

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::{Value, json};

use crate::bundle::{Bundle, receive};
use crate::harness::is_root;

/// A directory of the host that must stay empty, and links that lead to it from a root's depth.
struct Outside {
    path: PathBuf,
}

impl Outside {
    fn of(bundle: &Bundle) -> Self {
        let path = bundle.path("outside");
        std::fs::create_dir(&path).unwrap();
        Self { path }
    }

    fn links(&self) -> [PathBuf; 3] {
        let absolute = self.path.clone();
        let up = "../".repeat(40);
        let relative = Path::new(&up).join(self.path.strip_prefix("/").unwrap());
        [absolute, relative, "../outside".into()]
    }

    fn assert_untouched(&self) {
        let entries = std::fs::read_dir(&self.path).unwrap();
        let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.is_empty(), "made on the host: {names:?}");
    }
}

fn add_mount(config: &mut Value, mount: Value) {
    config["mounts"].as_array_mut().unwrap().push(mount);
}

#[test]
fn links_of_the_image_lead_mounts_nowhere_else() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", "cat /proc/self/mountinfo"]);
    let outside = Outside::of(&bundle);
    std::fs::write(bundle.path("file"), "").unwrap();
    std::fs::create_dir(bundle.path("directory")).unwrap();
    for (number, target) in outside.links().iter().enumerate() {
        let link = format!("link{number}");
        symlink(target, bundle.path("rootfs").join(&link)).unwrap();
        let file = bundle.path("file");
        for (source, name) in [(&file, "a-file"), (&bundle.path("directory"), "a/deep/one")] {
            add_mount(
                &mut bundle.config,
                json!({"destination": format!("/{link}/{name}"), "source": source,
                    "type": "bind", "options": ["bind"]}),
            );
        }
        add_mount(
            &mut bundle.config,
            json!({"destination": format!("/{link}/tmp"), "source": "tmpfs", "type": "tmpfs"}),
        );
    }
    // Whether it can be done inside or is refused does not matter.
    let outcome = bundle.run(&["run", "box"]);
    outside.assert_untouched();
    assert!(
        outcome.code == 0 || !outcome.stderr.is_empty(),
        "{outcome:?}"
    );
    bundle.assert_nothing_left();
}

/// CVE-2026-41579: nodes and links of /dev are made where the image says that /dev is.
#[test]
fn a_dev_of_the_image_that_is_a_link_makes_nothing_on_the_host() {
    if !is_root() {
        return;
    }
    for number in 0..3 {
        let mut bundle = Bundle::new(&["true"]);
        let outside = Outside::of(&bundle);
        symlink(&outside.links()[number], bundle.path("rootfs/dev")).unwrap();
        for has_mount in [true, false] {
            if !has_mount {
                let mounts = bundle.config["mounts"].as_array_mut().unwrap();
                mounts.retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
                bundle.config["linux"]["devices"] =
                    json!([{"path": "/dev/made", "type": "c", "major": 1, "minor": 3}]);
            }
            bundle.run(&["run", "box"]);
            outside.assert_untouched();
        }
        bundle.assert_nothing_left();
    }
}

/// CVE-2025-52565: the terminal must become nothing but the terminal.
#[test]
fn a_console_of_the_image_that_is_a_link_covers_nothing() {
    if !is_root() {
        return;
    }
    for target in [
        "/proc/sysrq-trigger",
        "../proc/sys/kernel/core_pattern",
        "../../../outside/x",
    ] {
        let script = "cat /proc/self/mountinfo; test -w /proc/sysrq-trigger && echo open";
        let mut bundle = Bundle::new(&["sh", "-c", script]);
        let outside = Outside::of(&bundle);
        let mounts = bundle.config["mounts"].as_array_mut().unwrap();
        // The image's own /dev, with a pts that the kernel makes.
        mounts.retain(|mount| mount["destination"] != "/dev");
        std::fs::create_dir_all(bundle.path("rootfs/dev/pts")).unwrap();
        symlink(target, bundle.path("rootfs/dev/console")).unwrap();
        bundle.config["process"]["terminal"] = json!(true);
        let socket = UnixListener::bind(bundle.path("socket")).unwrap();
        socket.set_nonblocking(true).unwrap();
        let words = ["run", "--detach", "--console-socket", "socket", "box"];
        let null = std::process::Stdio::null;
        let mut command = bundle.command();
        command
            .args(bundle.words(&words))
            .stdin(null())
            .stdout(null())
            .stderr(null());
        let started = command.status().unwrap().success();
        outside.assert_untouched();
        if started {
            let (connection, _) = socket.accept().unwrap();
            let (_, fds) = receive(&connection);
            let mut master = std::fs::File::from(fds.into_iter().next().unwrap());
            let mut text = Vec::new();
            // The terminal ends with an error once nobody has its other side.
            let _ = std::io::Read::read_to_end(&mut master, &mut text);
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains("open"), "{target}: {text}");
            bundle.run(&["delete", "--force", "box"]);
        }
        bundle.assert_nothing_left();
    }
}

/// CVE-2021-30465: between the look at a place and the mount on it, a link is put there by whoever
/// shares the root.
#[test]
fn links_that_turn_while_containers_start_lead_nowhere_else() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", "ls /inner/outside; true"]);
    let outside = Outside::of(&bundle);
    let root = bundle.path("rootfs");
    std::fs::create_dir_all(root.join("inner/volume")).unwrap();
    // In the container, the host's directory would show what lies beside it.
    symlink(bundle.path(""), root.join("turned")).unwrap();
    let source = bundle.path("source");
    std::fs::create_dir(&source).unwrap();
    for name in ["volume/one", "outside/two", "outside"] {
        add_mount(
            &mut bundle.config,
            json!({"destination": format!("/inner/{name}"), "source": source,
                "type": "bind", "options": ["rbind"]}),
        );
    }
    let is_over = AtomicBool::new(false);
    let turns = std::thread::scope(|scope| {
        let turner = scope.spawn(|| {
            let mut turns = 0u32;
            while !is_over.load(Ordering::Relaxed) {
                let (from, to) = (root.join("inner"), root.join("turned"));
                renameat_with(CWD, &from, CWD, &to, RenameFlags::EXCHANGE).unwrap();
                turns += 1;
            }
            turns
        });
        for _ in 0..40 {
            bundle.run(&["run", "box"]);
            outside.assert_untouched();
        }
        is_over.store(true, Ordering::Relaxed);
        turner.join().unwrap()
    });
    assert!(turns > 40, "{turns} turns are no race");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(outside.path.to_str().unwrap()), "{mounts}");
    // What was made for mounts lies in the root, wherever that pointed.
    let made = ["volume", "outside/two"].map(|name| bundle.path("").join(name).exists());
    assert_eq!(made, [false; 2]);
    bundle.assert_nothing_left();
}
