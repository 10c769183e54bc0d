//! Volumes: by name and without one, filled at their first use, and removed when nobody uses them.

use crate::harness::{Outcome, Wharf, is_root};

#[test]
fn a_volume_outlives_its_containers_and_keeps_owners_whatever_their_ids() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    assert_eq!(
        wharf.ok(&["volume", "create", "--label", "tier=db", "data"]),
        "data"
    );
    let write = "echo kept > /srv/file; chown 33 /srv/file";
    wharf.ok(&["run", "--rm", "-v", "data:/srv", "host", "sh", "-c", write]);
    let read = ["run", "--rm", "-v", "data:/srv:ro", "host", "sh", "-c"];
    let script = "cat /srv/file; stat -c %u /srv/file; touch /srv/x 2>/dev/null || echo read-only";
    assert_eq!(
        wharf.ok(&[&read[..], &[script]].concat()),
        "kept\n33\nread-only"
    );
    let point = wharf.ok(&["volume", "inspect", "--format", "{{.Mountpoint}}", "data"]);
    let owner =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("{point}/file")).unwrap());
    assert_eq!(owner, 33, "nothing was shifted on the disk");
    wharf.ok(&[
        "create",
        "--name",
        "user",
        "--mount",
        "type=volume,src=data,dst=/srv",
        "host",
        "true",
    ]);
    assert_eq!(wharf.inspect("user", "/Mounts/0/Name"), "data");
    let (code, message) = wharf.fails(&["volume", "rm", "data"]);
    assert_eq!(
        (code, message.contains("used by container user")),
        (1, true)
    );
    wharf.ok(&["volume", "prune", "-a", "-f"]);
    assert_eq!(
        wharf.ok(&["volume", "ls", "-q", "--filter", "label=tier=db"]),
        "data"
    );
    wharf.ok(&["rm", "user"]);
    assert_eq!(
        wharf.ok(&["volume", "ls", "-q", "--filter", "dangling=true"]),
        "data"
    );
    assert_eq!(wharf.ok(&["volume", "rm", "data"]), "data");
    assert_eq!(wharf.fails(&["volume", "inspect", "data"]).0, 1);
    assert_eq!(wharf.fails(&["volume", "create", "../x"]).0, 1);
}

#[test]
fn a_volume_without_a_name_goes_with_its_container() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&["run", "--rm", "-v", "/srv", "host", "touch", "/srv/file"]);
    assert_eq!(wharf.ok(&["volume", "ls", "-q"]), "");
    wharf.ok(&[
        "run",
        "--name",
        "web",
        "-v",
        "/srv",
        "host",
        "touch",
        "/srv/file",
    ]);
    assert_eq!(wharf.ok(&["volume", "ls", "-q"]).len(), 64);
    let from = [
        "run",
        "--rm",
        "--volumes-from",
        "web:ro",
        "host",
        "ls",
        "/srv",
    ];
    assert_eq!(wharf.ok(&from), "file");
    wharf.ok(&["rm", "web"]);
    assert_eq!(wharf.ok(&["volume", "ls", "-q"]).len(), 64);
    assert!(
        wharf
            .ok(&["volume", "prune", "-f"])
            .starts_with("Deleted Volumes:")
    );
    wharf.ok(&["run", "--name", "web", "-v", "/srv", "host", "true"]);
    wharf.ok(&["rm", "-v", "web"]);
    assert_eq!(wharf.ok(&["volume", "ls", "-q"]), "");
}

#[test]
fn an_empty_volume_gets_what_the_image_has_there() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let tree = wharf.path("tree");
    std::fs::create_dir_all(tree.join("srv/deep")).unwrap();
    std::fs::write(tree.join("srv/deep/file"), "from the image").unwrap();
    let image = [
        "image",
        "from-host",
        "--tag",
        "tiny",
        "/bin/sh",
        "/bin/cat",
        "/bin/ls",
        "/bin/rm",
    ];
    wharf.ok(&image);
    let root = tree.to_str().unwrap();
    let run = |volume: &str, script: &str| {
        let words = ["run", "--rm", "-v", volume, "tiny", "sh", "-c", script];
        wharf.run(&words)
    };
    // A directory of the image that certainly has something in it.
    let names = run("lib:/mnt", "ls /usr/bin").stdout;
    assert!(names.contains("cat"), "{names}");
    let filled = run("bin:/usr/bin", "ls /usr/bin").stdout;
    assert_eq!(filled, names);
    let point = wharf.ok(&["volume", "inspect", "--format", "{{.Mountpoint}}", "bin"]);
    std::fs::remove_file(format!("{point}/rm")).unwrap();
    // Once it is filled it is left alone.
    assert!(
        !run("bin:/usr/bin", "ls /usr/bin")
            .stdout
            .lines()
            .any(|name| name == "rm")
    );
    let words = ["run", "--rm", "--rootfs", root, "-v", "tree:/srv", "/none"];
    assert_eq!(wharf.run(&words).code, 127);
    let point = wharf.ok(&["volume", "inspect", "--format", "{{.Mountpoint}}", "tree"]);
    let text = std::fs::read_to_string(format!("{point}/deep/file")).unwrap();
    assert_eq!(text, "from the image");
    let words = [
        "run",
        "--rm",
        "--rootfs",
        root,
        "-v",
        "empty:/srv:nocopy",
        "/none",
    ];
    wharf.run(&words);
    let point = wharf.ok(&["volume", "inspect", "--format", "{{.Mountpoint}}", "empty"]);
    assert_eq!(std::fs::read_dir(point).unwrap().count(), 0);
}

#[test]
fn a_bind_is_as_deep_and_as_read_only_as_was_asked_for() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let source = wharf.path("source");
    std::fs::create_dir_all(source.join("below")).unwrap();
    let script = "set -e; mount -t tmpfs tmpfs \"$1\"/below; touch \"$1\"/below/seen
        chmod 777 \"$1\"/below; shift; exec \"$@\"";
    let look = "ls /x/below; touch /x/below/new 2>/dev/null && echo written; \
                touch /x/new 2>/dev/null && echo above; true";
    for (option, expected) in [
        ("readonly", "seen\n"),
        ("readonly,bind-recursive=enabled", "seen\n"),
        ("readonly,bind-recursive=readonly", "seen\n"),
        ("readonly,bind-recursive=writable", "seen\nwritten\n"),
        ("readonly,bind-recursive=disabled", ""),
    ] {
        let mount = format!("type=bind,source={},target=/x,{option}", source.display());
        let ours = wharf.command();
        let mut command = std::process::Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(&source);
        command.arg(ours.get_program()).args(ours.get_args());
        let words = ["run", "--rm", "--mount", &mount, "host", "sh", "-c", look];
        let outcome: Outcome = command.args(words).output().unwrap().into();
        assert_eq!(outcome.stdout, expected, "{option}: {outcome:?}");
    }
}
