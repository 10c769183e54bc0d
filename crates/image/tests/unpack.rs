//! Unpacking layers, friendly and hostile ones, against the real kernel.

#![cfg(test)]

use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use wharf_image::tar::{Entry, Kind, Writer};
use wharf_image::unpack::{Error, Limits, Rights, unpack};

fn is_root() -> bool {
    let root = Rights::of_process() == Rights::Root;
    if !root {
        println!("skipped: needs root");
    }
    root
}

fn directory(path: &str) -> Entry {
    Entry::new(path, Kind::Directory, 0o755)
}

fn file(path: &str) -> Entry {
    let mut entry = Entry::new(path, Kind::File, 0o644);
    entry.size = 4;
    entry
}

fn link(path: &str, target: &str) -> Entry {
    Entry::new(path, Kind::SymbolicLink(target.into()), 0o777)
}

fn hard(path: &str, target: &str) -> Entry {
    Entry::new(path, Kind::HardLink(target.into()), 0o644)
}

/// A directory `root` to unpack into, beside a file `outside` that must stay as it is.
struct Layer {
    place: tempfile::TempDir,
    result: Result<(), Error>,
}

impl Layer {
    fn of(members: &[Entry]) -> Self {
        Self::with_rights(members, Rights::User)
    }

    fn with_rights(members: &[Entry], rights: Rights) -> Self {
        let mut archive = Writer::new(Vec::new());
        for entry in members {
            archive.append(entry, &b"data"[..]).unwrap();
        }
        let archive = archive.finish().unwrap();
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("outside"), b"untouched").unwrap();
        std::fs::create_dir(place.path().join("root")).unwrap();
        let root = place.path().join("root");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let root = rustix::fs::openat(CWD, &root, flags, Mode::empty()).unwrap();
        let result = unpack(root.as_fd(), archive.as_slice(), rights, &Limits::default()).map(drop);
        Self { place, result }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.place.path().join("root").join(path)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    fn assert_outside_untouched(&self) {
        let outside = std::fs::read(self.place.path().join("outside")).unwrap();
        assert_eq!(outside, b"untouched");
        assert_eq!(std::fs::read_dir(self.place.path()).unwrap().count(), 2);
    }
}

fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 64];
    let length = rustix::fs::lgetxattr(path, name, value.as_mut_slice()).ok()?;
    value.truncate(length);
    Some(value)
}

#[test]
fn every_kind_of_member_is_made() {
    let mut read_only = directory("ro");
    read_only.mode = 0o555;
    read_only.mtime = (1000, 0);
    let layer = Layer::of(&[
        read_only,
        file("ro/file"),
        hard("hard", "ro/file"),
        link("link", "ro/file"),
        Entry::new("pipe", Kind::Fifo, 0o622),
        file("made/on/the/way"),
    ]);
    layer.result.as_ref().unwrap();
    assert_eq!(layer.read("hard"), "data");
    assert_eq!(layer.read("link"), "data");
    assert!(layer.path("pipe").metadata().unwrap().file_type().is_fifo());
    assert_eq!(
        layer.path("pipe").metadata().unwrap().mode() & 0o7777,
        0o622
    );
    let read_only = layer.path("ro").metadata().unwrap();
    assert_eq!(
        (read_only.mode() & 0o7777, read_only.mtime()),
        (0o555, 1000)
    );
    let made = layer.path("made/on").metadata().unwrap();
    assert_eq!((made.mode() & 0o7777, made.mtime()), (0o755, 0));
    // An ordinary user cannot empty a read-only directory as the temporary one is dropped.
    store::remove_tree(layer.place.path()).unwrap();
}

#[test]
fn owners_devices_and_capabilities_are_roots_business() {
    if !is_root() {
        return;
    }
    let mut owned = file("owned");
    (owned.uid, owned.gid, owned.mode) = (1000, 65_534, 0o6755);
    let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    owned
        .xattrs
        .insert("security.capability".into(), capability.to_vec());
    let mut dangling = link("dangling", "nowhere");
    dangling.uid = 7;
    let null = Entry::new("null", Kind::CharacterDevice(1, 3), 0o666);
    let layer = Layer::with_rights(&[owned, dangling, null], Rights::Root);
    layer.result.as_ref().unwrap();
    let owned = layer.path("owned").metadata().unwrap();
    assert_eq!(
        (owned.uid(), owned.gid(), owned.mode() & 0o7777),
        (1000, 65_534, 0o6755)
    );
    let set = xattr(&layer.path("owned"), "security.capability").unwrap();
    assert_eq!(set, capability);
    assert_eq!(layer.path("dangling").symlink_metadata().unwrap().uid(), 7);
    assert_eq!(
        layer.path("null").metadata().unwrap().rdev(),
        rustix::fs::makedev(1, 3)
    );
}

#[test]
fn an_ordinary_user_gets_its_own_files_and_no_devices() {
    let mut owned = file("owned");
    owned.uid = 1000;
    owned
        .xattrs
        .insert("security.capability".into(), vec![0; 20]);
    let layer = Layer::of(&[owned]);
    layer.result.as_ref().unwrap();
    let me = rustix::process::geteuid().as_raw();
    assert_eq!(layer.path("owned").metadata().unwrap().uid(), me);
    let layer = Layer::of(&[Entry::new("null", Kind::CharacterDevice(1, 3), 0o666)]);
    assert!(matches!(layer.result, Err(Error::DeviceNeedsRoot(_))));
}

#[test]
fn whiteouts_take_overlayfs_own_form() {
    let mut rights = vec![(Rights::User, "user.overlay.opaque")];
    if is_root() {
        rights.push((Rights::Root, "trusted.overlay.opaque"));
    }
    for (rights, opaque) in rights {
        let layer = Layer::with_rights(
            &[
                directory("d"),
                file("d/.wh.gone"),
                directory("o"),
                file("o/.wh..wh..opq"),
                file("o/new"),
                // Hidden below, new here: in either order.
                file(".wh.again"),
                directory("again"),
                directory("before"),
                file("before/kept"),
                file(".wh.before"),
            ],
            rights,
        );
        layer.result.as_ref().unwrap();
        let gone = layer.path("d/gone").symlink_metadata().unwrap();
        assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
        for path in ["o", "again", "before"] {
            let mark = xattr(&layer.path(path), opaque);
            assert_eq!(mark.as_deref(), Some(&b"y"[..]), "{path}");
        }
        assert_eq!(layer.read("before/kept"), "data");
        assert!(!layer.path("o/.wh..wh..opq").exists());
    }
}

#[test]
fn a_whiteout_of_the_parent_is_refused() {
    for name in [".wh.", "d/.wh..", "d/.wh...", ".wh..wh.plnk"] {
        let layer = Layer::of(&[directory("d"), file(name)]);
        assert!(
            matches!(layer.result, Err(Error::Forbidden { .. })),
            "{name}"
        );
        assert!(layer.path("").exists());
    }
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../outside", "a/../../outside", "/../outside", "a/.."] {
        for member in [file(name), hard("x", name), directory(name)] {
            let layer = Layer::of(&[directory("a"), member]);
            assert!(matches!(layer.result, Err(Error::Outside(_))), "{name}");
            layer.assert_outside_untouched();
        }
    }
}

#[test]
fn absolute_names_stay_inside() {
    let layer = Layer::of(&[file("/etc/passwd"), link("/abs", "/etc")]);
    layer.result.as_ref().unwrap();
    assert_eq!(layer.read("etc/passwd"), "data");
}

#[test]
fn links_out_of_the_root_are_resolved_inside() {
    for target in ["..", "../..", "/", "/proc/self/root", "/etc/../.."] {
        let layer = Layer::of(&[
            directory("etc"),
            link("way", target),
            file("way/outside"),
            directory("way/sub"),
        ]);
        layer.assert_outside_untouched();
        assert!(!Path::new("/outside").exists() && !Path::new("/sub").exists());
    }
}

#[test]
fn a_file_over_a_link_replaces_the_link() {
    let layer = Layer::of(&[link("x", "../outside"), file("x")]);
    layer.result.as_ref().unwrap();
    assert!(layer.path("x").symlink_metadata().unwrap().is_file());
    layer.assert_outside_untouched();
}

#[test]
fn a_directory_over_a_link_does_not_change_what_the_link_names() {
    let mut changed = directory("x");
    changed.mode = 0o777;
    let layer = Layer::of(&[directory("kept"), changed, link("x", "kept")]);
    layer.result.as_ref().unwrap();
    assert_eq!(
        layer.path("kept").metadata().unwrap().permissions().mode() & 0o7777,
        0o755
    );
}

#[test]
fn a_hard_link_to_a_link_is_a_link_and_leads_nowhere_else() {
    let layer = Layer::of(&[link("l", "/../outside"), hard("h", "l"), file("h")]);
    layer.result.as_ref().unwrap();
    layer.assert_outside_untouched();
    assert!(layer.path("h").symlink_metadata().unwrap().is_file());
    let layer = Layer::of(&[link("d", ".."), hard("h", "d/outside")]);
    assert!(matches!(layer.result, Err(Error::Member { .. })));
    let layer = Layer::of(&[hard("h", "/etc/passwd")]);
    assert!(matches!(layer.result, Err(Error::Member { .. })));
}

#[test]
fn later_members_replace_earlier_ones() {
    let layer = Layer::of(&[
        directory("d"),
        file("d/below"),
        file("d"),
        file("f"),
        directory("f"),
        file("f/below"),
    ]);
    layer.result.as_ref().unwrap();
    assert_eq!(layer.read("d"), "data");
    assert_eq!(layer.read("f/below"), "data");
}

#[test]
fn attributes_that_steer_overlayfs_are_refused() {
    for name in [
        "trusted.overlay.redirect",
        "user.overlay.opaque",
        "security.selinux",
    ] {
        let mut member = directory("d");
        member.xattrs.insert(name.into(), b"x".to_vec());
        let layer = Layer::of(&[member]);
        assert!(
            matches!(layer.result, Err(Error::Attribute { .. })),
            "{name}"
        );
    }
    let whiteout = Entry::new("w", Kind::CharacterDevice(0, 0), 0);
    assert!(matches!(
        Layer::of(&[whiteout]).result,
        Err(Error::Forbidden { .. })
    ));
}
