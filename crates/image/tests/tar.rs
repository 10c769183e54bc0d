//! Our archives against other people's: the `tar` crate and GNU tar read what we write, and we
//! read what they write.

#![cfg(test)]

use std::io::Read;
use std::path::Path;
use std::process::Command;

use wharf_image::tar::{Entry, Kind, Malformed, ReadError, Reader, Writer};

/// Archives that a writer may need every trick for.
fn members() -> Vec<(Entry, Vec<u8>)> {
    let long = format!("d/{}/f", "n".repeat(120));
    let far = format!("/{}", "t".repeat(150));
    let mut file = Entry::new("d/file", Kind::File, 0o4755);
    file.mtime = (1_700_000_000, 0);
    file.xattrs.insert("user.note".into(), b"a=b\n\0c".to_vec());
    file.size = 700;
    let mut owned = Entry::new(long.as_str(), Kind::File, 0o600);
    (owned.uid, owned.gid) = (3_000_000, 65_534);
    owned.mtime = (-5, 250_000_000);
    vec![
        (Entry::new("d", Kind::Directory, 0o1777), Vec::new()),
        (file, vec![b'x'; 700]),
        (owned, Vec::new()),
        (
            Entry::new("d/hard", Kind::HardLink("d/file".into()), 0o755),
            Vec::new(),
        ),
        (
            Entry::new("d/link", Kind::SymbolicLink(far.into()), 0o777),
            Vec::new(),
        ),
        (Entry::new("d/pipe", Kind::Fifo, 0o644), Vec::new()),
        (
            Entry::new("d/null", Kind::CharacterDevice(1, 3), 0o666),
            Vec::new(),
        ),
        (
            Entry::new("d/disk", Kind::BlockDevice(259, 300), 0o660),
            Vec::new(),
        ),
    ]
}

fn written() -> Vec<u8> {
    let mut archive = Writer::new(Vec::new());
    for (entry, content) in members() {
        archive.append(&entry, content.as_slice()).unwrap();
    }
    archive.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, ReadError> {
    let mut archive = Reader::new(bytes);
    let mut all = Vec::new();
    while let Some(entry) = archive.next_entry()? {
        let mut content = Vec::new();
        archive
            .read_to_end(&mut content)
            .map_err(ReadError::Stream)?;
        all.push((entry, content));
    }
    Ok(all)
}

fn malformed(bytes: &[u8]) -> Malformed {
    match read(bytes) {
        Err(ReadError::Malformed(malformed)) => malformed,
        other => panic!("{other:?}"),
    }
}

/// As a reader gives it: directories end with a slash.
fn as_read(mut member: (Entry, Vec<u8>)) -> (Entry, Vec<u8>) {
    if member.0.kind == Kind::Directory {
        member.0.path.push("");
    }
    member
}

#[test]
fn what_we_write_we_read() {
    let expected: Vec<_> = members().into_iter().map(as_read).collect();
    assert_eq!(read(&written()).unwrap(), expected);
}

#[test]
fn the_same_members_are_the_same_bytes() {
    assert_eq!(written(), written());
}

#[test]
fn the_tar_crate_reads_what_we_write() {
    let bytes = written();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let theirs = archive.entries().unwrap();
    for (theirs, (ours, content)) in theirs.zip(members()) {
        let mut theirs = theirs.unwrap();
        let path = theirs.path().unwrap().into_owned();
        assert_eq!(path.components().as_path(), ours.path);
        assert_eq!(theirs.header().mode().unwrap(), ours.mode);
        if let Kind::SymbolicLink(target) | Kind::HardLink(target) = &ours.kind {
            assert_eq!(theirs.link_name().unwrap().unwrap(), target.as_path());
        }
        let mut read = Vec::new();
        theirs.read_to_end(&mut read).unwrap();
        assert_eq!(read, content);
    }
}

#[test]
fn we_read_what_the_tar_crate_writes() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o640);
    header.set_size(3);
    header.set_uid(10_000_000);
    let long = "x/".repeat(100) + "end";
    builder
        .append_data(&mut header, &long, &b"abc"[..])
        .unwrap();
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder
        .append_link(&mut link, "l", "y/".repeat(90))
        .unwrap();
    let ours = read(&builder.into_inner().unwrap()).unwrap();
    assert_eq!(ours[0].0.path, Path::new(&long));
    assert_eq!(
        (ours[0].0.uid, ours[0].0.mode, ours[0].1.as_slice()),
        (10_000_000, 0o640, &b"abc"[..])
    );
    assert_eq!(ours[1].0.kind, Kind::SymbolicLink("y/".repeat(90).into()));
}

#[test]
fn gnu_tar_and_we_agree_in_every_format() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let deep = root.join("in").join("d".repeat(90)).join("e".repeat(60));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("f".repeat(30)), b"content").unwrap();
    std::os::unix::fs::symlink("a/../b", root.join("in/link")).unwrap();
    for format in ["ustar", "gnu", "pax"] {
        // ustar has no room for a link's long target.
        if format == "gnu" {
            std::fs::hard_link(deep.join("f".repeat(30)), root.join("in/zhard")).unwrap();
        }
        let archive = root.join("a.tar");
        let made = Command::new("tar")
            .args(["--sort=name", "--format", format, "-C"])
            .args([root, Path::new("-cf"), &archive, Path::new("in")])
            .status();
        let Ok(made) = made else {
            println!("skipped: needs GNU tar");
            return;
        };
        assert!(made.success());
        let members = read(&std::fs::read(&archive).unwrap()).unwrap();
        let paths: Vec<_> = members
            .iter()
            .map(|(entry, _)| entry.path.clone())
            .collect();
        let listed = Command::new("tar")
            .arg("-tf")
            .arg(&archive)
            .output()
            .unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert_eq!(
            paths,
            listed
                .lines()
                .map(Into::into)
                .collect::<Vec<std::path::PathBuf>>()
        );
        let file = members
            .iter()
            .find(|(entry, _)| entry.kind == Kind::File)
            .unwrap();
        assert_eq!(file.1, b"content");
    }
}

#[test]
fn gnu_tar_unpacks_what_we_write() {
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("a.tar");
    let mut out = Writer::new(Vec::new());
    for (entry, content) in members().iter().take(5) {
        out.append(entry, content.as_slice()).unwrap();
    }
    std::fs::write(&archive, out.finish().unwrap()).unwrap();
    let arguments = ["--no-same-owner", "-C"];
    let unpacked = Command::new("tar")
        .args(arguments)
        .args([directory.path(), Path::new("-xf"), &archive])
        .status();
    let Ok(unpacked) = unpacked else {
        println!("skipped: needs GNU tar");
        return;
    };
    assert!(unpacked.success());
    assert_eq!(
        std::fs::read(directory.path().join("d/hard")).unwrap(),
        [b'x'; 700]
    );
}

#[test]
fn a_size_in_a_record_wins_over_the_header() {
    // The header says 0 bytes, the record says 512: a reader that believes the header would take
    // the content for a member.
    let mut inner = Writer::new(Vec::new());
    inner
        .append(&Entry::new("smuggled", Kind::File, 0o644), &b""[..])
        .unwrap();
    let inner = inner.finish().unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_pax_extensions([("size", &b"512"[..])])
        .unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("outer").unwrap();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, &b""[..]).unwrap();
    let mut bytes = builder.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    bytes.extend_from_slice(&inner);
    let members = read(&bytes).unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!(
        (members[0].0.size, members[0].1.as_slice()),
        (512, &inner[..512])
    );
}

#[test]
fn damage_is_told() {
    let bytes = written();
    let mut changed = bytes.clone();
    changed[5] ^= 1;
    assert_eq!(malformed(&changed), Malformed::Checksum);
    assert_eq!(malformed(&bytes[..700]), Malformed::Truncated);
    let mut one_zero_block = vec![0; 512];
    one_zero_block.extend_from_slice(&bytes);
    assert_eq!(malformed(&one_zero_block), Malformed::End);
    assert!(read(&[]).unwrap().is_empty());
}

#[test]
fn unknown_members_and_dangling_headers_are_refused() {
    let member = |kind: u8| {
        let mut header = tar::Header::new_ustar();
        header.set_path("x").unwrap();
        header.set_size(0);
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, &b""[..]).unwrap();
        builder.into_inner().unwrap()
    };
    for kind in [b'S', b'V', b'M', b'q'] {
        assert!(matches!(
            malformed(&member(kind)),
            Malformed::Unsupported { .. }
        ));
    }
    for kind in [b'x', b'L', b'K'] {
        assert_eq!(malformed(&member(kind)), Malformed::Dangling);
    }
    assert!(read(&member(b'g')).unwrap().is_empty());
}
