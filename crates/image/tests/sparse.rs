//! Members with holes, as GNU tar writes them in each of its forms.

#![cfg(test)]

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, Mode, OFlags};
use wharf_image::tar::Reader;
use wharf_image::unpack::{Error, Limits, Rights, unpack};

const FORMS: [&[&str]; 4] = [
    &["--format=gnu"],
    &["--format=posix", "--sparse-version=0.0"],
    &["--format=posix", "--sparse-version=0.1"],
    &["--format=posix", "--sparse-version=1.0"],
];

/// A name that needs a long one's extension.
fn long() -> String {
    format!("{}/{}", "d".repeat(90), "f".repeat(90))
}

/// A file: its name, what is written where in it, and its length.
type Shape = (String, Vec<(u64, &'static [u8])>, u64);

/// Files of every shape.
fn shapes() -> Vec<Shape> {
    // More parts than one block of any map has room for.
    let many = (0..300).map(|n| (n * 65536, &b"part"[..])).collect();
    vec![
        ("begin".to_owned(), vec![(0, b"begin")], 200_000),
        ("end".to_owned(), vec![(199_997, b"end")], 200_000),
        ("nothing".to_owned(), vec![], 5_000_000),
        ("many".to_owned(), many, 300 * 65536),
        (long(), vec![(70_001, b"odd")], 1 << 40),
    ]
}

fn make(directory: &Path) {
    for (name, parts, size) in shapes() {
        let path = directory.join(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = std::fs::File::create(path).unwrap();
        file.set_len(size).unwrap();
        for (at, bytes) in parts {
            file.write_all_at(bytes, at).unwrap();
        }
    }
    std::fs::write(directory.join("plain"), "plain").unwrap();
}

fn archive(form: &[&str], directory: &Path) -> Vec<u8> {
    let mut tar = Command::new("tar");
    tar.args(form).args(["--sparse", "-cf", "-", "."]);
    let output = tar.current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn unpacked(bytes: &[u8]) -> Result<tempfile::TempDir, Error> {
    let place = tempfile::tempdir().unwrap();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let root = rustix::fs::openat(CWD, place.path(), flags, Mode::empty()).unwrap();
    unpack(root.as_fd(), bytes, Rights::User, &Limits::default()).map(|_| place)
}

#[test]
fn gnu_tars_members_with_holes_are_unpacked_with_their_holes() {
    let from = tempfile::tempdir().unwrap();
    make(from.path());
    for form in FORMS {
        let bytes = archive(form, from.path());
        assert!(bytes.len() < 4 << 20, "{form:?}: tar wrote no holes");
        let place = unpacked(&bytes).unwrap();
        for (name, parts, size) in shapes() {
            let file = std::fs::File::open(place.path().join(&name)).unwrap();
            let there = file.metadata().unwrap();
            assert_eq!(there.len(), size, "{form:?} {name}");
            assert!(there.blocks() * 512 <= 300 * 8192, "{form:?} {name}");
            for (at, expected) in parts {
                let mut found = [0; 16];
                let found = &mut found[..expected.len()];
                file.read_exact_at(found, at).unwrap();
                assert_eq!(found, expected, "{form:?} {name} at {at}");
            }
        }
        let plain = std::fs::read_to_string(place.path().join("plain")).unwrap();
        assert_eq!(plain, "plain", "{form:?}");
    }
}

#[test]
fn what_is_read_of_a_member_with_holes_is_the_whole_file() {
    let from = tempfile::tempdir().unwrap();
    let path = from.path().join("file");
    let file = std::fs::File::create(&path).unwrap();
    file.write_all_at(b"middle", 100_000).unwrap();
    file.set_len(300_000).unwrap();
    let expected = std::fs::read(&path).unwrap();
    for form in FORMS {
        let bytes = archive(form, from.path());
        let mut archive = Reader::new(bytes.as_slice());
        archive.next_entry().unwrap();
        let entry = archive.next_entry().unwrap().unwrap();
        assert_eq!(
            (entry.path.as_path(), entry.size),
            (Path::new("./file"), 300_000)
        );
        let mut content = Vec::new();
        archive.read_to_end(&mut content).unwrap();
        assert!(content == expected, "{form:?}");
        assert_eq!(archive.next_entry().unwrap(), None);
    }
}

#[test]
fn a_map_that_does_not_fit_is_refused() {
    let from = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(from.path().join("file")).unwrap();
    file.write_all_at(b"middle", 100_000).unwrap();
    file.set_len(300_000).unwrap();
    let bytes = archive(FORMS[3], from.path());
    // The map's lines: one part at 98304 of 4096 bytes, and the end.
    let at = bytes
        .windows(6)
        .position(|text| text == b"98304\n")
        .unwrap();
    for wrong in [&b"98x04\n"[..], b"399999", b"\0\0\0\0\0\0"] {
        let mut bytes = bytes.clone();
        bytes[at..at + 6].copy_from_slice(wrong);
        assert!(unpacked(&bytes).is_err(), "{wrong:?}");
    }
}
