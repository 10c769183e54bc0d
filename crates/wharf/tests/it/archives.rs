//! Images in files: what we write others read, what others write we read.

use serde_json::{Value, json};

use crate::harness::{Wharf, is_root};
use crate::layout::{Codec, Layout, archive, shell};
use crate::registry::{has, partner};

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

/// An installation with an image `x:1` of two layers, and the layout that it came from.
fn with_image() -> (Wharf, Layout) {
    let wharf = Wharf::new();
    let more = archive(&[("etc/gone", b"gone"), ("etc/word", b"word")]);
    let layout = Layout::of(&[shell(), (more, Codec::Gzip)]);
    wharf.ok(&["load", "-q", "-i", text(layout.path())]);
    let loaded = wharf.ok(&["load", "-i", text(layout.path())]);
    let id = loaded.strip_prefix("Loaded image ID: ").unwrap();
    wharf.ok(&["tag", id, "x:1"]);
    (wharf, layout)
}

#[test]
fn what_is_saved_is_loaded_and_read_by_others() {
    if !has(&["busybox", "skopeo"]) {
        return;
    }
    let (wharf, _layout) = with_image();
    let file = wharf.path("x.tar");
    wharf.ok(&["save", "-o", text(&file), "x:1"]);
    let id = wharf
        .ok(&["images", "-q", "--no-trunc"])
        .lines()
        .next()
        .unwrap()
        .to_owned();
    // Both forms at once, as Docker's.
    for form in ["docker-archive", "oci-archive"] {
        let from = format!("{form}:{}", file.display());
        let to = format!("dir:{}", wharf.path(form).display());
        partner("skopeo", &["copy", "--quiet", &from, &to]);
        let output = partner("skopeo", &["inspect", "--raw", &to]);
        let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(manifest["config"]["digest"], id, "{form}");
    }
    wharf.ok(&["rmi", "x:1"]);
    assert_eq!(wharf.ok(&["load", "-i", text(&file)]), "Loaded image: x:1");
    assert_eq!(
        wharf.ok(&["run", "--rm", "x:1", "sh", "-c", "busybox cat /etc/word"]),
        "word"
    );
    let again = wharf.path("again.tar");
    wharf.ok(&["save", "-o", text(&again), "x:1"]);
    assert!(
        std::fs::read(file).unwrap() == std::fs::read(again).unwrap(),
        "not the same bytes"
    );
}

#[test]
fn archives_of_others_are_loaded_compressed_or_not() {
    if !has(&["busybox", "skopeo"]) {
        return;
    }
    let (wharf, layout) = with_image();
    let from = format!("oci:{}", layout.path().display());
    for (form, name) in [("docker-archive", "d.tar:y:2"), ("oci-archive", "o.tar")] {
        let to = format!("{form}:{}", wharf.path(name).display());
        partner("skopeo", &["copy", "--quiet", &from, &to]);
    }
    let packed = wharf.path("d.tar.gz");
    let gzip = format!(
        "gzip -c {} > {}",
        wharf.path("d.tar").display(),
        packed.display()
    );
    partner("sh", &["-c", &gzip]);
    wharf.ok(&["rmi", "x:1"]);
    for name in ["d.tar", "d.tar.gz"] {
        let loaded = wharf.ok(&["load", "-i", text(&wharf.path(name))]);
        assert_eq!(loaded, "Loaded image: y:2");
        wharf.ok(&["run", "--rm", "y:2", "sh", "-c", "busybox cat /etc/word"]);
        wharf.ok(&["rmi", "y:2"]);
    }
    let flat = format!("dir:{}", wharf.path("flat").display());
    partner("skopeo", &["copy", "--quiet", &from, &flat]);
    let archive = format!("docker-archive:{}", wharf.path("d.tar").display());
    let oci = format!("oci-archive:{}", wharf.path("o.tar").display());
    for source in [&flat, &archive, &oci, &from] {
        let pulled = wharf.ok(&["pull", "-q", source]);
        wharf.ok(&["run", "--rm", &pulled, "sh", "-c", "busybox cat /etc/word"]);
        wharf.ok(&["rmi", &pulled]);
    }
}

#[test]
fn a_file_or_directory_is_run_as_it_is() {
    if !has(&["busybox", "skopeo"]) {
        return;
    }
    let (wharf, layout) = with_image();
    let (root, _) = shell();
    std::fs::write(wharf.path("root.tar"), &root).unwrap();
    std::fs::create_dir(wharf.path("tree")).unwrap();
    let tree = wharf.path("tree");
    partner(
        "tar",
        &["-xf", text(&wharf.path("root.tar")), "-C", text(&tree)],
    );
    partner("gzip", &["-k", text(&wharf.path("root.tar"))]);
    wharf.ok(&["save", "-o", text(&wharf.path("image.tar")), "x:1"]);
    let paths = [
        wharf.path("root.tar"),
        wharf.path("root.tar.gz"),
        wharf.path("image.tar"),
        tree,
        layout.path().to_owned(),
    ];
    for path in &paths {
        let output = wharf.ok(&[
            "run",
            "--rm",
            "-q",
            text(path),
            "/bin/sh",
            "-c",
            "echo $((40+2))",
        ]);
        assert_eq!(output, "42", "{}", path.display());
    }
    let before = wharf.ok(&["images", "-q"]);
    wharf.ok(&[
        "run",
        "--rm",
        "-q",
        text(&paths[0]),
        "/bin/sh",
        "-c",
        "true",
    ]);
    assert_eq!(wharf.ok(&["images", "-q"]), before, "the same image again");
}

#[test]
fn a_tree_is_imported_with_all_that_its_files_are() {
    if !has(&["busybox"]) || !crate::harness::is_root() {
        return;
    }
    let wharf = Wharf::new();
    let script = "mkdir -p tree/bin tree/d && cd tree && cp /bin/busybox bin/sh && cp /bin/busybox bin/ && \
        echo text > d/file && ln d/file d/name && ln -s file d/link && mkfifo d/pipe && \
        mknod d/null c 1 3 && chown 1000:2000 d/file && chmod 4750 d/file && \
        truncate -s 10M d/sparse && touch -d 2001-02-03T04:05:06Z d/file";
    let script = format!("cd {} && {script}", wharf.path("").display());
    partner("sh", &["-c", &script]);
    let tree = wharf.path("tree");
    let id = wharf.ok(&[
        "import",
        "-c",
        "CMD [\"/bin/sh\"]",
        "-m",
        "mine",
        text(&tree),
        "t:1",
    ]);
    let look = "busybox stat -c '%n %F %u:%g %a %h %Y' d/file d/name d/link d/pipe d/null; \
        busybox cat d/link; busybox du -k d/sparse";
    let output = wharf.ok(&["run", "--rm", "t:1", "sh", "-c", look]);
    let expected = "d/file regular file 1000:2000 4750 2 981173106\n\
        d/name regular file 1000:2000 4750 2 981173106\n\
        d/link symbolic link 0:0 777 1";
    assert!(output.starts_with(expected), "{output}");
    assert!(output.contains("d/pipe fifo"), "{output}");
    assert!(output.contains("d/null character special file"), "{output}");
    assert!(output.contains("\ntext\n0\td/sparse"), "{output}");
    // The same tree is the same image.
    let again = wharf
        .command()
        .args(["import", text(&tree)])
        .env("SOURCE_DATE_EPOCH", "1000000000")
        .output()
        .unwrap();
    let third = wharf
        .command()
        .args(["import", text(&tree)])
        .env("SOURCE_DATE_EPOCH", "1000000000")
        .output()
        .unwrap();
    assert_eq!(again.stdout, third.stdout);
    assert_ne!(String::from_utf8(again.stdout).unwrap().trim(), id);
}

#[test]
fn what_a_container_wrote_is_told_exported_and_committed() {
    if !has(&["busybox", "skopeo", "umoci"]) {
        return;
    }
    let (wharf, _layout) = with_image();
    let script = "echo new > /new; echo more >> /etc/word; busybox rm /etc/gone; \
        busybox mkdir /d; echo 1 > /d/1";
    wharf.ok(&[
        "run", "--name", "box", "-e", "K=V", "x:1", "sh", "-c", script,
    ]);
    let expected = "A /d\nA /d/1\nC /etc\nD /etc/gone\nC /etc/word\nA /new";
    assert_eq!(wharf.ok(&["diff", "box"]), expected);
    let sizes = wharf.ok(&["diff", "--size", "box"]);
    let word = sizes
        .lines()
        .find(|line| line.ends_with("/etc/word"))
        .unwrap();
    assert!(word.contains("yes"), "{word}");

    let file = wharf.path("c.tar");
    wharf.ok(&["export", "-o", text(&file), "box"]);
    let list = partner("tar", &["-tf", text(&file)]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(
        list.contains("etc/word\n") && list.contains("new\n"),
        "{list}"
    );
    assert!(!list.contains("etc/gone\n"), "{list}");

    // An ordinary user's container has one user.
    let (user, change) = match rustix::process::geteuid().is_root() {
        true => ("5", "USER 5"),
        false => ("0", "USER 0"),
    };
    wharf.ok(&[
        "commit", "-a", "me", "-m", "why", "-c", change, "box", "y:2",
    ]);
    let look = "echo $(busybox cat /new /etc/word) $K $(busybox id -u); busybox ls /d";
    let output = wharf.ok(&["run", "--rm", "y:2", "sh", "-c", look]);
    assert_eq!(output, format!("new wordmore V {user}\n1"));
    let history = wharf.ok(&["history", "--no-trunc", "y:2"]);
    assert!(
        history.lines().nth(1).unwrap().ends_with("why"),
        "{history}"
    );
    assert_eq!(history.lines().count(), 4, "{history}");
    let inspected: Value = serde_json::from_str(&wharf.ok(&["image", "inspect", "y:2"])).unwrap();
    let line = wharf.ok(&["image", "inspect", "-f", "{{.Architecture}}", "y:2"]);
    assert_eq!(inspected[0]["Architecture"], line.trim());
    assert_eq!(inspected[0]["Author"], "me");
    assert_eq!(inspected[0]["RepoTags"], json!(["y:2"]));
    assert_eq!(
        inspected[0]["RootFS"]["Layers"].as_array().unwrap().len(),
        3
    );

    wharf.ok(&["save", "-o", text(&wharf.path("y.tar")), "y:2"]);
    let from = format!("oci-archive:{}", wharf.path("y.tar").display());
    let to = format!("oci:{}:y", wharf.path("y").display());
    partner("skopeo", &["copy", "--quiet", &from, &to]);
    let image = format!("{}:y", wharf.path("y").display());
    let bundle = wharf.path("bundle");
    partner(
        "umoci",
        &["unpack", "--rootless", "--image", &image, text(&bundle)],
    );
    assert_eq!(
        std::fs::read_to_string(bundle.join("rootfs/new")).unwrap(),
        "new\n"
    );
    assert!(!bundle.join("rootfs/etc/gone").exists());
    assert!(!bundle.join("rootfs/etc/hosts").exists());
}

#[test]
fn what_is_committed_with_a_date_is_the_same_whoever_wrote_it() {
    if !has(&["busybox"]) {
        return;
    }
    let (wharf, _layout) = with_image();
    let commit = |container: &str, name: &str| {
        let mut command = wharf.command();
        command.args(["commit", container, name]);
        let output = command.env("SOURCE_DATE_EPOCH", "1500000000").output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    // The same files, made in another order and not at the same time.
    let (one, two) = ("echo 1 > /z; echo 2 > /a", "echo 2 > /a; echo 1 > /z");
    let more = "busybox mkdir /d; echo x > /d/x; busybox ln /d/x /d/y; busybox rm /etc/gone";
    for (name, script) in [("one", one), ("two", two)] {
        let script = format!("{script}; {more}");
        let outcome = wharf.run_with_input(&["run", "-i", "--name", name, "x:1", "sh"], &script);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
    let id = commit("one", "first:1");
    assert_eq!(commit("one", "second:1"), id);
    assert_eq!(commit("two", "third:1"), id);
    let digests = wharf.ok(&["images", "--format", "{{.Tag}} {{.Digest}}", "*:1"]);
    let of = |name: &str| {
        let words = [
            "image",
            "inspect",
            "-f",
            "{{.Descriptor.digest}} {{.Created}}",
            name,
        ];
        wharf.ok(&words)
    };
    assert_eq!(of("first:1"), of("third:1"), "{digests}");
    assert!(
        of("first:1").contains(" 2017-07-14T02:40:00"),
        "{}",
        of("first:1")
    );
}

#[test]
fn prune_removes_what_nobody_uses_and_says_how_much_that_was() {
    if !has(&["busybox"]) {
        return;
    }
    let (wharf, layout) = with_image();
    let entry = layout.image(&[shell()], "amd64", json!({"Cmd": ["other"]}));
    layout.index(&[entry]);
    wharf.ok(&["load", "-q", "-i", text(layout.path())]);
    wharf.ok(&["create", "--name", "box", "x:1", "sh"]);
    let dangling = wharf.ok(&["image", "prune", "-f"]);
    assert!(
        dangling.starts_with("Deleted Images:\ndeleted: sha256:"),
        "{dangling}"
    );
    assert!(!dangling.contains("untagged"), "{dangling}");
    let used = wharf.ok(&["image", "prune", "-a", "-f"]);
    assert_eq!(used, "Total reclaimed space: 0B");
    wharf.ok(&["rm", "box"]);
    let all = wharf.ok(&["image", "prune", "-a", "-f"]);
    assert!(all.contains("untagged: x:1"), "{all}");
    assert!(!all.ends_with("space: 0B"), "{all}");
    assert_eq!(wharf.entries("data/images/layers"), [""; 0]);
}

/// Runs a verb where `/usr` is another directory: the host's own is too large to be packed.
fn with_usr(wharf: &Wharf, usr: &std::path::Path, words: &[&str]) -> crate::harness::Outcome {
    let script = "mount --bind \"$1\" /usr; shift; exec \"$@\"";
    let ours = wharf.command();
    let mut unshare = std::process::Command::new("unshare");
    unshare
        .args(["--mount", "sh", "-ec", script, "sh"])
        .arg(usr);
    unshare.arg(ours.get_program()).args(ours.get_args());
    unshare.args(words).output().unwrap().into()
}

#[test]
fn a_container_of_the_host_is_exported_and_committed_with_its_programs() {
    if !is_root() || !has(&["busybox"]) {
        return;
    }
    let wharf = Wharf::new();
    let usr = tempfile::tempdir().unwrap();
    std::fs::create_dir(usr.path().join("bin")).unwrap();
    std::fs::copy("/bin/busybox", usr.path().join("bin/busybox")).unwrap();
    std::os::unix::fs::symlink("busybox", usr.path().join("bin/sh")).unwrap();
    std::fs::write(usr.path().join("gone"), "").unwrap();
    let ok = |words: &[&str]| {
        let outcome = with_usr(&wharf, usr.path(), words);
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome.stdout
    };
    let write = "echo one > /etc/one; echo two > /usr/two; busybox rm /usr/gone";
    ok(&["run", "--name", "writer", "host", "sh", "-c", write]);
    let file = wharf.path("root.tar");
    ok(&["export", "-o", text(&file), "writer"]);
    let list = partner("tar", &["-tf", text(&file)]);
    let list = String::from_utf8(list.stdout).unwrap();
    for name in ["etc/one", "usr/two", "usr/bin/busybox", "usr/bin/sh"] {
        assert!(list.lines().any(|line| line == name), "{name}: {list}");
    }
    assert!(!list.contains("usr/gone"), "{list}");
    ok(&["commit", "writer", "of-host:1"]);
    ok(&["rm", "writer"]);
    // It needs nothing of the host any more.
    let say = "busybox cat /etc/one /usr/two";
    let said = wharf.ok(&["run", "--rm", "of-host:1", "sh", "-c", say]);
    assert_eq!(said, "one\ntwo");
}
