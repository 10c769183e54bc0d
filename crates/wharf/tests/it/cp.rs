//! `wharf cp`: Docker's rules for paths, owners on both sides, archives, and containers that do what
//! they can to be copied from or to elsewhere.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Stdio;

use crate::harness::{Outcome, Wharf, is_root};

/// A container that runs or rests.
fn container(wharf: &Wharf, name: &str, runs: bool) {
    match runs {
        true => drop(wharf.sleeper(name)),
        false => drop(wharf.ok(&["create", "--name", name, "host", "sleep", "1000"])),
    }
}

/// A path of the installation, as text.
fn at(wharf: &Wharf, name: &str) -> String {
    wharf.path(name).display().to_string()
}

#[test]
fn files_and_directories_go_where_dockers_rules_say() {
    for runs in [true, false] {
        let wharf = Wharf::new();
        container(&wharf, "web", runs);
        let here = |name: &str| at(&wharf, name);
        let read = |name: &str| fs::read_to_string(wharf.path(name)).unwrap();
        let cp = |from: &str, to: &str| wharf.ok(&["cp", from, to]);
        fs::create_dir_all(wharf.path("tree/sub")).unwrap();
        fs::write(wharf.path("tree/a"), "A").unwrap();
        fs::write(wharf.path("tree/sub/b"), "B").unwrap();
        symlink("a", wharf.path("tree/link")).unwrap();
        // A file under a new name, into a directory, over a file, through a link.
        cp(&here("tree/a"), "web:/tmp/new");
        cp(&here("tree/sub/b"), "web:tmp");
        cp(&here("tree/sub/b"), "web:/tmp/new");
        // A directory that is not there yet, into one that is, its content alone.
        cp(&here("tree"), "web:/tmp/made");
        cp(&here("tree"), "web:/tmp/made");
        cp(&here("tree/."), "web:/tmp/made/sub");
        cp("web:/tmp/new", &here("new"));
        cp("web:/tmp/made", &here("made"));
        assert_eq!((read("new"), read("made/a")), ("B".into(), "A".into()));
        assert_eq!(read("made/tree/sub/b"), "B");
        assert_eq!(read("made/sub/sub/b"), "B");
        assert_eq!(
            fs::read_link(wharf.path("made/link")).unwrap().to_str(),
            Some("a")
        );
        // A link itself, what it leads to, and a target that is one.
        cp("web:/tmp/made/link", &here("itself"));
        assert!(wharf.path("itself").is_symlink());
        wharf.ok(&["cp", "-L", "web:/tmp/made/link", &here("followed")]);
        assert!(!wharf.path("followed").is_symlink() && read("followed") == "A");
        cp(&here("tree/sub/b"), "web:/tmp/made/link");
        cp("web:/tmp/made/a", &here("through"));
        assert_eq!(read("through"), "B");
    }
}

#[test]
fn what_cannot_be_copied_is_said_in_one_sentence_and_nothing_changes() {
    let wharf = Wharf::new();
    container(&wharf, "web", true);
    fs::create_dir(wharf.path("tree")).unwrap();
    fs::write(wharf.path("file"), "x").unwrap();
    let (tree, file, none) = (at(&wharf, "tree"), at(&wharf, "file"), at(&wharf, "none"));
    let cases: [(&[&str], &str); 13] = [
        (
            &["web:/none", "/tmp"],
            "no such file or directory: web:/none",
        ),
        (&[&none, "web:/tmp"], "no such file or directory: "),
        (
            &["web:/etc/hostname", &format!("{none}/")],
            "no such file or directory: ",
        ),
        (
            &[&file, "web:/none/there"],
            "no such file or directory: web:/none",
        ),
        (
            &[&file, "web:/none/"],
            "no such file or directory: web:/none",
        ),
        (
            &[&tree, "web:/etc/hostname"],
            "is a directory, and web:/etc/hostname is none",
        ),
        (&[&format!("{file}/"), "web:/tmp"], "not a directory"),
        (&[&file, "web:/etc/hostname/"], "not a directory"),
        (
            &["web:/a", "web:/b"],
            "copying between containers is not supported",
        ),
        (&[&file, &tree], "one side must be a container's"),
        (&[":/a", "."], "expected CONTAINER:PATH"),
        (&["nobody:/a", "."], "no such container: nobody"),
        (&["web:/dev/null", &none], "it is a device or a socket"),
    ];
    for (words, why) in cases {
        let (code, said) = wharf.fails(&[&["cp"], words].concat());
        assert!(
            code == 1 && said.contains(why) && said.lines().count() == 1,
            "{words:?}: {said}"
        );
    }
    assert!(!wharf.path("none").exists());
    assert_eq!(fs::read_dir(wharf.path("tree")).unwrap().count(), 0);
}

#[test]
fn owners_are_the_other_sides_or_kept() {
    if !is_root() {
        return;
    }
    for runs in [true, false] {
        let wharf = Wharf::new();
        let script = "mkdir /tmp/d; touch /tmp/d/f; chown -R 33:34 /tmp/d; chmod 4755 /tmp/d/f";
        wharf.ok(&[
            "run",
            "--name",
            "web",
            "host",
            "sh",
            "-c",
            &format!("{script}; sleep 0"),
        ]);
        if runs {
            wharf.ok(&["rm", "web"]);
            wharf.ok(&[
                "run",
                "-d",
                "--name",
                "web",
                "host",
                "sh",
                "-c",
                &format!("{script}; exec sleep 1000"),
            ]);
            while wharf.run(&["exec", "web", "test", "-u", "/tmp/d/f"]).code != 0 {}
        }
        let here = |name: &str| at(&wharf, name);
        wharf.ok(&["cp", "web:/tmp/d", &here("plain")]);
        wharf.ok(&["cp", "-a", "web:/tmp/d", &here("kept")]);
        let facts = |name: &str| {
            let metadata = fs::metadata(wharf.path(name)).unwrap();
            (
                metadata.uid(),
                metadata.gid(),
                metadata.permissions().mode() & 0o7777,
            )
        };
        // A program of the container's does not become one that runs with our rights.
        assert_eq!(facts("plain/f"), (0, 0, 0o755), "{runs}");
        assert_eq!(facts("kept/f"), (33, 34, 0o4755), "{runs}");
        wharf.ok(&["cp", &here("kept"), "web:/tmp/in"]);
        wharf.ok(&["cp", "-a", &here("kept"), "web:/tmp/same"]);
        wharf.ok(&["start", "web"]);
        if runs {
            let words = [
                "exec",
                "web",
                "stat",
                "-c",
                "%u:%g:%a",
                "/tmp/in/f",
                "/tmp/same/f",
            ];
            assert_eq!(wharf.ok(&words), "0:0:755\n33:34:4755");
        } else {
            wharf.ok(&["wait", "web"]);
            let listing = wharf
                .command()
                .args(["cp", "web:/tmp", "-"])
                .output()
                .unwrap();
            let list = tar(&["tvf", "-"], listing.stdout);
            assert!(list.contains("-rwxr-xr-x 0/0 "), "{list}");
            assert!(list.contains("-rwsr-xr-x 33/34 "), "{list}");
        }
    }
}

/// Runs tar(1) on an archive.
fn tar(words: &[&str], archive: Vec<u8>) -> String {
    let mut tar = std::process::Command::new("tar")
        .args(words)
        .arg("--numeric-owner")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut tar.stdin.take().unwrap(), &archive).unwrap();
    let outcome: Outcome = tar.wait_with_output().unwrap().into();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    outcome.stdout
}

#[test]
fn a_dash_is_an_archive() {
    for runs in [true, false] {
        let wharf = Wharf::new();
        container(&wharf, "web", runs);
        let from_container = |path: &str| {
            let output = wharf.command().args(["cp", path, "-"]).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            output.stdout
        };
        let into = |archive: &[u8], path: &str| -> Outcome {
            let mut cp = wharf
                .command()
                .args(["cp", "-", path])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let _ = std::io::Write::write_all(&mut cp.stdin.take().unwrap(), archive);
            cp.wait_with_output().unwrap().into()
        };
        assert_eq!(
            tar(&["tf", "-"], from_container("web:/etc/hostname")),
            "hostname\n"
        );
        fs::create_dir_all(wharf.path("tree/sub")).unwrap();
        fs::write(wharf.path("tree/a"), "A").unwrap();
        fs::hard_link(wharf.path("tree/a"), wharf.path("tree/sub/b")).unwrap();
        wharf.ok(&["cp", &at(&wharf, "tree"), "web:/tmp"]);
        let mut names: Vec<String> = tar(&["tf", "-"], from_container("web:/tmp/tree"))
            .lines()
            .map(str::to_owned)
            .collect();
        names.sort();
        assert_eq!(names, ["tree/", "tree/a", "tree/sub/", "tree/sub/b"]);
        // The names of one file stay its names.
        let whole = from_container("web:/tmp/tree/.");
        assert!(tar(&["tvf", "-"], whole.clone()).contains("link to"));
        let outcome = into(&whole, "web:/home");
        assert_eq!(outcome.code, 0, "{outcome:?}");
        wharf.ok(&["cp", "web:/home/sub/b", &at(&wharf, "back")]);
        assert_eq!(fs::read_to_string(wharf.path("back")).unwrap(), "A");
        for (archive, path, why) in [
            (&whole[..], "web:/etc/hostname", "not a directory"),
            (&whole, "web:/none", "no such file or directory: web:/none"),
            (
                b"no archive at all, but long enough to be looked at",
                "web:/tmp",
                "invalid archive",
            ),
        ] {
            let outcome = into(archive, path);
            assert!(
                outcome.code == 1 && outcome.stderr.contains(why),
                "{outcome:?}"
            );
        }
    }
}

#[test]
fn volumes_are_part_of_a_container_that_rests() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let volumes = ["-v", "data:/data", "-v", "locked:/locked:ro"];
    wharf.ok(&[
        &["create", "--name", "web"],
        &volumes[..],
        &["host", "cat", "/data/f"],
    ]
    .concat());
    fs::write(wharf.path("f"), "kept\n").unwrap();
    wharf.ok(&["cp", &at(&wharf, "f"), "web:/data"]);
    assert!(
        wharf
            .fails(&["cp", &at(&wharf, "f"), "web:/locked"])
            .1
            .contains("read-only")
    );
    assert_eq!(wharf.ok(&["start", "-a", "web"]), "kept");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&at(&wharf, "run/mnt")));
    wharf.ok(&["create", "--name", "fixed", "--read-only", "host", "true"]);
    assert!(
        wharf
            .fails(&["cp", &at(&wharf, "f"), "fixed:/tmp"])
            .1
            .contains("read-only")
    );
    wharf.ok(&["rm", "web", "fixed"]);
    wharf.ok(&["volume", "prune", "-af"]);
}

/// A container in which a directory and a link to another one change places all the time
/// (CVE-2018-15664), and libraries of its own lie about (CVE-2019-14271).
fn restless(wharf: &Wharf, link: &str) {
    let script = format!(
        "mkdir -p /srv /tmp/real; echo inside > /tmp/real/secret; cd /tmp; ln -s {link} link; \
         mv real place; touch /tmp/ready; \
         while :; do mv -T place real; mv -T link place; mv -T place link; mv -T real place; done"
    );
    wharf.ok(&["run", "-d", "--name", "web", "host", "sh", "-c", &script]);
    while wharf.run(&["exec", "web", "test", "-e", "/tmp/ready"]).code != 0 {}
}

#[test]
fn links_that_are_exchanged_while_it_copies_lead_nowhere_else() {
    let wharf = Wharf::new();
    fs::create_dir(wharf.path("host")).unwrap();
    fs::write(wharf.path("host/secret"), "the host's").unwrap();
    restless(&wharf, &at(&wharf, "host"));
    fs::write(wharf.path("file"), "x").unwrap();
    let (mut out, mut into) = (0, 0);
    for round in 0..60 {
        let to = wharf.path(&format!("out{round}"));
        let outcome = wharf.run(&["cp", "web:/tmp/place/secret", to.to_str().unwrap()]);
        if outcome.code == 0 {
            assert_eq!(fs::read_to_string(&to).unwrap(), "inside\n");
            out += 1;
        }
        let outcome = wharf.run(&["cp", &at(&wharf, "file"), "web:/tmp/place/planted"]);
        into += i32::from(outcome.code == 0);
        let all = wharf.path(&format!("all{round}"));
        wharf.run(&["cp", "web:/tmp", all.to_str().unwrap()]);
        let copies = [all.join("place/secret"), all.join("real/secret")];
        for copy in copies.iter().filter(|copy| copy.exists()) {
            let is_link = copy.parent().unwrap().is_symlink();
            assert!(is_link || fs::read_to_string(copy).unwrap() == "inside\n");
        }
    }
    assert!(out > 0 && into > 0, "it never met the directory");
    let names: Vec<PathBuf> = fs::read_dir(wharf.path("host"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(names, [wharf.path("host/secret")]);
}

#[test]
fn an_archive_cannot_lead_out_of_the_container() {
    let wharf = Wharf::new();
    container(&wharf, "web", true);
    fs::create_dir(wharf.path("host")).unwrap();
    fs::create_dir_all(wharf.path("evil/d")).unwrap();
    fs::write(wharf.path("evil/d/planted"), "x").unwrap();
    symlink(wharf.path("host"), wharf.path("evil/l")).unwrap();
    let pack = |words: &[&str]| {
        let mut tar = std::process::Command::new("tar");
        tar.arg("-C")
            .arg(wharf.path("evil"))
            .args(["-P", "-cf", "-"])
            .args(words);
        tar.output().unwrap().stdout
    };
    // First the link, then something in it; then a name with dots.
    let through = pack(&["--transform", "s,^d,l,S", "l", "d/planted"]);
    let above = pack(&[
        "--transform",
        "s,^d,../../../../../../../../tmp,",
        "d/planted",
    ]);
    for archive in [through, above] {
        let mut cp = wharf
            .command()
            .args(["cp", "-", "web:/tmp"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _ = std::io::Write::write_all(&mut cp.stdin.take().unwrap(), &archive);
        cp.wait().unwrap();
        assert_eq!(fs::read_dir(wharf.path("host")).unwrap().count(), 0);
        assert!(!PathBuf::from("/tmp/planted").exists());
    }
}

#[test]
fn many_files_sparse_ones_and_pipes_arrive() {
    let wharf = Wharf::new();
    container(&wharf, "web", true);
    for directory in 0..100 {
        let directory = wharf.path(&format!("many/{directory}"));
        fs::create_dir_all(&directory).unwrap();
        for file in 0..20 {
            fs::write(directory.join(file.to_string()), "content").unwrap();
        }
    }
    let sparse = fs::File::create(wharf.path("many/sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"end", (32 << 20) - 3).unwrap();
    let fifo = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        wharf.path("many/pipe"),
        rustix::fs::FileType::Fifo,
        fifo,
        0,
    )
    .unwrap();
    wharf.ok(&["cp", &at(&wharf, "many"), "web:/tmp"]);
    let count = [
        "exec",
        "web",
        "sh",
        "-c",
        "find /tmp/many -type f | wc -l; ls /tmp/many/pipe",
    ];
    assert_eq!(wharf.ok(&count), "2001\n/tmp/many/pipe");
    wharf.ok(&["cp", "web:/tmp/many", &at(&wharf, "back")]);
    let copy = fs::metadata(wharf.path("back/sparse")).unwrap();
    assert!(copy.len() == 64 << 20 && copy.blocks() * 512 < 1 << 20);
    let bytes = fs::read(wharf.path("back/sparse")).unwrap();
    assert_eq!(&bytes[(32 << 20) - 3..32 << 20], b"end");
    assert_eq!(
        fs::read_to_string(wharf.path("back/99/19")).unwrap(),
        "content"
    );
}
