//! The base layer that this host gives, against the host itself.

use std::collections::BTreeSet;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use super::*;

/// A store with the base layer in it, and where that is.
fn made() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let images = Images::new(directory.path());
    let stack = images.share().unwrap().stack(NAME, None).unwrap();
    let base = stack.root.first().unwrap().clone();
    (directory, base)
}

/// Everything below a directory, by its name within it.
fn walk(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            }
            found.insert(entry.path().strip_prefix(root).unwrap().to_owned());
        }
    }
    found
}

#[test]
fn etc_has_users_and_names_of_its_own() {
    let (_directory, base) = made();
    let text = |name: &str| std::fs::read_to_string(base.join("etc").join(name)).unwrap();
    assert!(text("passwd").starts_with("root:x:0:0:root:/root:"));
    assert!(text("group").starts_with("root:x:0:"));
    assert!(text("hosts").contains("127.0.0.1\tlocalhost"));
    assert!(text("nsswitch.conf").contains("hosts: files dns"));
    if let Ok(resolv) = std::fs::read_to_string("/etc/resolv.conf") {
        assert_eq!(text("resolv.conf"), resolv);
    }
}

#[test]
fn etc_has_what_the_hosts_programs_need() {
    let (_directory, base) = made();
    for name in ["ld.so.cache", "ld.so.conf", "services", "ssl/openssl.cnf"] {
        if let Ok(bytes) = std::fs::read(Path::new("/etc").join(name)) {
            assert_eq!(std::fs::read(base.join("etc").join(name)).unwrap(), bytes);
        }
    }
    for name in ["alternatives", "ld.so.conf.d", "ssl/certs"] {
        let host = Path::new("/etc").join(name);
        if host.is_dir() {
            assert_eq!(walk(&base.join("etc").join(name)), walk(&host), "{name}");
        }
    }
    // A link stays one: it leads into /usr, which the container has.
    if let Ok(target) = std::fs::read_link("/etc/localtime") {
        assert_eq!(
            std::fs::read_link(base.join("etc/localtime")).unwrap(),
            target
        );
    }
}

#[test]
fn nothing_private_of_the_host_is_in_it() {
    let (_directory, base) = made();
    let ours = ["passwd", "group", "hosts", "nsswitch.conf", "hostname"];
    for name in walk(&base.join("etc")) {
        let secret = [
            "shadow",
            "gshadow",
            "ssh",
            "machine-id",
            "sudoers",
            "private",
        ];
        let named = name.iter().any(|part| secret.iter().any(|no| part == *no));
        assert!(!named, "{}", name.display());
        let copy = base.join("etc").join(&name).symlink_metadata().unwrap();
        if copy.is_file() && !ours.iter().any(|own| name == Path::new(own)) {
            let host = Path::new("/etc").join(&name).metadata().unwrap();
            assert_eq!(host.mode() & 0o004, 0o004, "{}", name.display());
        }
    }
}

#[test]
fn everything_but_etc_is_empty() {
    let (_directory, base) = made();
    let rest: Vec<PathBuf> = walk(&base)
        .into_iter()
        .filter(|name| !name.starts_with("etc"))
        .filter(|name| !base.join(name).symlink_metadata().unwrap().is_dir())
        .filter(|name| !base.join(name).is_symlink())
        .collect();
    assert!(rest.is_empty(), "{rest:?}");
    let mode = |name: &str| base.join(name).metadata().unwrap().mode() & 0o7777;
    assert_eq!(mode(""), 0o755);
    assert_eq!(mode("root"), 0o700);
    assert_eq!(mode("home"), 0o755);
    assert_eq!(mode("tmp"), 0o1777);
    assert_eq!(mode("var/tmp"), 0o1777);
    for name in ["root", "home", "tmp", "usr", "proc", "sys", "dev"] {
        assert!(walk(&base.join(name)).is_empty(), "{name}");
    }
}

#[test]
fn program_directories_are_what_they_are_on_the_host() {
    let (directory, base) = made();
    let stack = Images::new(directory.path())
        .share()
        .unwrap()
        .stack("host", None)
        .unwrap();
    let extra = |name: &str| {
        let path = Path::new("/").join(name);
        stack
            .extra
            .iter()
            .any(|extra| extra.lower == path && extra.destination == path)
    };
    assert!(extra("usr"));
    for name in key::PROGRAM_DIRECTORIES {
        let host = Path::new("/").join(name);
        let ours = base.join(name);
        match (host.read_link(), host.is_dir()) {
            (Ok(target), _) => assert_eq!(ours.read_link().unwrap(), target),
            (Err(_), true) => assert!(ours.is_dir() && extra(name)),
            (Err(_), false) => assert!(ours.symlink_metadata().is_err()),
        }
        assert_eq!(extra(name), host.is_dir() && !host.is_symlink(), "{name}");
    }
}

#[test]
fn it_holds_no_devices_pipes_or_sockets() {
    let (_directory, base) = made();
    for name in walk(&base) {
        let kind = base.join(&name).symlink_metadata().unwrap().file_type();
        let special = kind.is_char_device() || kind.is_block_device() || kind.is_fifo();
        assert!(!special && !kind.is_socket(), "{}", name.display());
    }
}

#[test]
fn makers_at_the_same_time_produce_one_layer() {
    let directory = tempfile::tempdir().unwrap();
    let together = Barrier::new(4);
    // Locks belong to open files, not to processes: threads compete as processes do.
    let maker = || {
        together.wait();
        stack(&Images::new(directory.path())).unwrap().root
    };
    let bases: BTreeSet<Vec<PathBuf>> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4).map(|_| scope.spawn(maker)).collect();
        makers
            .into_iter()
            .map(|maker| maker.join().unwrap())
            .collect()
    });
    assert_eq!(bases.len(), 1);
    let layers = std::fs::read_dir(directory.path().join("host")).unwrap();
    assert_eq!(layers.count(), 1);
    let names = std::fs::read_dir(directory.path()).unwrap();
    let unfinished = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.as_encoded_bytes().starts_with(b".new-")
    });
    assert_eq!(unfinished.count(), 0);
}

#[test]
fn a_second_use_makes_nothing() {
    let (directory, base) = made();
    let before = base.metadata().unwrap();
    let images = Images::new(directory.path());
    let again = images.share().unwrap().stack("host:latest", None).unwrap();
    let after = again.root.first().unwrap().metadata().unwrap();
    assert_eq!(
        (after.ino(), after.ctime_nsec()),
        (before.ino(), before.ctime_nsec())
    );
}

#[test]
fn a_sweep_takes_base_layers_that_are_out_of_date_and_not_in_use() {
    let (directory, base) = made();
    let images = Images::new(directory.path());
    let [old, used] = ["0ld", "u5ed"].map(|name| images.host_bases().join(name));
    for stale in [&old, &used] {
        std::fs::create_dir(stale).unwrap();
    }
    images
        .exclude()
        .unwrap()
        .sweep(std::slice::from_ref(&used))
        .unwrap();
    assert!(base.exists() && used.exists() && !old.exists());
}
