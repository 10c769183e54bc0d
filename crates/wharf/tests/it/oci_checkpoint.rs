//! `wharf oci checkpoint` and `restore`, through CRIU. Where CRIU cannot run, its reason is told; in
//! the machine of `cargo xtask vm` it can.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::bundle::{Bundle, receive};
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

/// Checkpoints the container in steps, whatever they are, and restores it: it goes on.
fn goes_on_after(bundle: &Bundle, checkpoint: impl FnOnce(&Bundle)) {
    while count(bundle) < 5 {}
    checkpoint(bundle);
    let words = ["restore", "--detach", "--image-path", "images", "box"];
    let log = || std::fs::read_to_string(bundle.path("images/restore.log"));
    assert!(bundle.quietly(&words), "{:?}", log());
    let restored = count(bundle);
    assert!(restored >= 5, "{restored}");
    while count(bundle) == restored {}
}

/// The end of a container's terminal that came through the socket.
fn terminal(socket: &UnixListener) -> File {
    let (connection, _) = socket.accept().unwrap();
    let (_, fds) = receive(&connection);
    File::from(fds.into_iter().next().unwrap())
}

#[test]
fn a_terminal_is_another_one_afterwards_and_the_programs_own() {
    if skip_without_criu() {
        return;
    }
    let script = "while read -r word; do echo \"<$word>\"; done";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    bundle.config["process"]["terminal"] = json!(true);
    let socket = UnixListener::bind(bundle.path("socket")).unwrap();
    let say = |master: &mut File, word: &str| {
        master.write_all(format!("{word}\n").as_bytes()).unwrap();
        let expected = format!("<{word}>");
        let mut heard = String::new();
        while !heard.contains(&expected) {
            let mut bytes = [0; 256];
            let count = master.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "{heard}");
            heard += str::from_utf8(&bytes[..count]).unwrap();
        }
    };
    let words = ["run", "--detach", "--console-socket", "socket", "box"];
    let mut run = bundle.command();
    let mut run = run.args(bundle.words(&words)).spawn().unwrap();
    let mut master = terminal(&socket);
    assert!(run.wait().unwrap().success());
    say(&mut master, "before");
    bundle.ok(&["checkpoint", "--image-path", "images", "box"]);
    drop(master);
    let words = ["restore", "--detach", "--console-socket", "socket"];
    let mut restore = bundle.command();
    restore.args(words).args(["--image-path", "images"]);
    let mut restore = restore.args(bundle.words(&["box"])).spawn().unwrap();
    let mut master = terminal(&socket);
    assert!(restore.wait().unwrap().success());
    say(&mut master, "after");
    bundle.end();
}

fn skip_without_criu() -> bool {
    let skips = !is_root() || !criu_works();
    if skips {
        println!("skipped: needs root and a machine where CRIU can run");
    }
    skips
}

#[test]
fn memory_is_written_ahead_and_only_what_changed_later() {
    if skip_without_criu() {
        return;
    }
    let bundle = counting();
    goes_on_after(&bundle, |bundle| {
        bundle.ok(&["checkpoint", "--pre-dump", "--image-path", "before", "box"]);
        assert_eq!(bundle.state("status"), "running");
        let later = ["--image-path", "images", "--parent-path", "../before"];
        bundle.ok(&[&["checkpoint"][..], &later, &["box"]].concat());
        assert!(bundle.path("images/parent").is_dir());
    });
    bundle.end();
}

#[test]
fn memory_goes_to_a_server_of_pages() {
    if skip_without_criu() {
        return;
    }
    let bundle = counting();
    let images = bundle.path("images");
    std::fs::create_dir(&images).unwrap();
    // Nobody else listens in a machine of our own.
    let mut server = Command::new("criu");
    server.args(["page-server", "--address", "127.0.0.1", "--port", "27000"]);
    server.args(["--status-fd", "1", "-D"]).arg(&images);
    let mut server = server.stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [1];
    let from = server.stdout.as_mut().unwrap();
    from.read_exact(&mut ready).unwrap();
    goes_on_after(&bundle, |bundle| {
        let to = ["--image-path", "images", "--page-server", "127.0.0.1:27000"];
        bundle.ok(&[&["checkpoint"][..], &to, &["box"]].concat());
        assert!(server.wait().unwrap().success());
    });
    bundle.end();
}

#[test]
fn memory_is_carried_when_it_is_asked_for() {
    if skip_without_criu() {
        return;
    }
    let bundle = counting();
    while count(&bundle) < 5 {}
    // The checkpoint serves the memory and ends once all of it was asked for.
    let port = "127.0.0.1:27001";
    let (ready, tell) = rustix::pipe::pipe().unwrap();
    let tell_number = tell.as_raw_fd().to_string();
    let mut checkpoint = bundle.command();
    let words = [
        "checkpoint",
        "--lazy-pages",
        "--page-server",
        port,
        "--status-fd",
    ];
    checkpoint.args(words).arg(&tell_number);
    checkpoint.args(bundle.words(&["--image-path", "images", "box"]));
    rustix::io::fcntl_setfd(&tell, rustix::io::FdFlags::empty()).unwrap();
    let mut checkpoint = checkpoint.spawn().unwrap();
    drop(tell);
    assert_eq!(rustix::io::read(&ready, &mut [1]), Ok(1));
    let mut pages = Command::new("criu");
    pages.args(["lazy-pages", "--page-server", "--address", "127.0.0.1"]);
    pages
        .args(["--port", "27001", "-D"])
        .arg(bundle.path("images"));
    let mut pages = pages.spawn().unwrap();
    // The container that was written down is there until all of its memory was carried.
    let other = format!("{}-again", bundle.words(&["box"])[0]);
    let words = [
        "restore",
        "--detach",
        "--lazy-pages",
        "--image-path",
        "images",
    ];
    let log = || std::fs::read_to_string(bundle.path("images/restore.log"));
    assert!(
        bundle.quietly(&[&words[..], &[&other]].concat()),
        "{:?}",
        log()
    );
    assert!(checkpoint.wait().unwrap().success());
    assert!(pages.wait().unwrap().success());
    assert!(bundle.ok(&["state", &other]).contains("running"));
    bundle.ok(&["delete", "--force", &other]);
    bundle.assert_nothing_left();
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
