//! Pulling from a real registry: what comes is what was there, whatever was there already.

use serde_json::json;

use crate::harness::Wharf;
use crate::layout::{Codec, Layout, archive, digest, shell};
use crate::registry::{Manner, Registry, has};

const NEEDED: &[&str] = &["docker-registry", "skopeo", "busybox"];

/// Layers that change, hide and keep files of those below.
fn layers(codec: Codec) -> Vec<(Vec<u8>, Codec)> {
    let first = archive(&[
        ("d/", b""),
        ("d/kept", b"kept"),
        ("d/changed", b"old"),
        ("d/gone", b"gone"),
        ("whole/", b""),
        ("whole/old", b"old"),
    ]);
    let second = archive(&[
        ("d/changed", b"new"),
        ("d/.wh.gone", b""),
        ("whole/", b""),
        ("whole/.wh..wh..opq", b""),
        ("whole/new", b"new"),
    ]);
    vec![shell(), (first, codec), (second, codec)]
}

const LOOK: &str = "for f in d/* whole/*; do echo $f=$(busybox cat $f); done";
const SEEN: &str = "d/changed=new\nd/kept=kept\nwhole/new=new";

#[test]
fn layers_of_every_codec_are_stacked_as_they_were_made() {
    if !has(NEEDED) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start();
    for codec in [Codec::Plain, Codec::Gzip, Codec::GzipMembers, Codec::Zstd] {
        registry.take(Layout::of(&layers(codec)).path(), "x");
        let image = registry.image("x:latest");
        let output = wharf.ok(&[
            "run", "--rm", "--pull", "always", "-q", &image, "sh", "-c", LOOK,
        ]);
        assert_eq!(output, SEEN, "{codec:?}");
    }
}

#[test]
fn a_pull_says_what_docker_says_and_knows_what_is_here() {
    if !has(NEEDED) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start();
    let layout = Layout::of(&layers(Codec::Gzip));
    registry.take(layout.path(), "x:1");
    let image = registry.image("x:1");
    let first = wharf.ok(&["pull", &image]);
    assert_eq!(first.matches(": Pulling fs layer").count(), 3, "{first}");
    assert!(first.contains(&format!("Status: Downloaded newer image for {image}")));
    assert!(first.ends_with(&format!("\n{image}")), "{first}");
    let again = wharf.ok(&["pull", &image]);
    assert_eq!(again.matches(": Already exists").count(), 3, "{again}");
    assert!(again.contains(&format!("Status: Image is up to date for {image}")));
    assert_eq!(wharf.ok(&["pull", "-q", &image]), image);
    let json = wharf.ok(&["pull", "--format", "json", &image]);
    let last: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!(last["name"], image);
    let (_, error) = wharf.fails(&["pull", &registry.image("x:2")]);
    assert!(error.contains("manifest unknown"), "{error}");
}

#[test]
fn layers_are_shared_and_go_with_the_last_image() {
    if !has(NEEDED) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start();
    let all = layers(Codec::Gzip);
    registry.take(Layout::of(&all[..2]).path(), "two");
    registry.take(Layout::of(&all).path(), "three");
    let (two, three) = (registry.image("two"), registry.image("three"));
    wharf.ok(&["pull", "-q", &two]);
    let output = wharf.ok(&["pull", &three]);
    assert_eq!(output.matches(": Already exists").count(), 2, "{output}");
    let removed = wharf.ok(&["rmi", &three]);
    assert!(removed.contains(&digest(&all[2].0)), "{removed}");
    assert!(!removed.contains(&digest(&all[1].0)), "{removed}");
    wharf.ok(&["run", "--rm", &two, "sh", "-c", "busybox cat d/gone"]);
    wharf.ok(&["rmi", &two]);
    assert_eq!(wharf.entries("data/images/layers"), [""; 0]);
    assert_eq!(wharf.entries("data/images/blobs/sha256"), [""; 0]);
    assert_eq!(wharf.entries("data/images/partial"), [""; 0]);
}

#[test]
fn a_missing_image_is_pulled_when_it_is_wanted() {
    if !has(NEEDED) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start();
    registry.take(Layout::of(&[shell()]).path(), "x");
    let image = registry.image("x");
    let run = |more: &[&str]| {
        wharf.run(&[&["run", "--rm"], more, &[&image, "sh", "-c", "echo up"]].concat())
    };
    let never = run(&["--pull", "never"]);
    assert_eq!(never.code, 125);
    assert!(never.stderr.contains("no image"), "{never:?}");
    let first = run(&[]);
    assert_eq!(
        (first.code, first.stdout.as_str()),
        (0, "up\n"),
        "{first:?}"
    );
    assert!(
        first.stderr.starts_with("Unable to find image"),
        "{first:?}"
    );
    let requests = registry.log().len();
    assert_eq!(run(&[]).stdout, "up\n");
    assert_eq!(registry.log().len(), requests, "nobody was asked");
    let missing = wharf.run(&["run", "--rm", &registry.image("none"), "sh"]);
    assert_eq!(missing.code, 125, "{missing:?}");
}

#[test]
fn the_image_for_the_platform_is_taken() {
    if !has(NEEDED) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start();
    let layout = Layout::new();
    let image = |architecture, text: &'static str| {
        let words = archive(&[("which", text.as_bytes())]);
        layout.image(&[shell(), (words, Codec::Zstd)], architecture, json!({}))
    };
    let (ours, theirs) = (image("amd64", "ours"), image("arm64", "theirs"));
    layout.index(&[layout.list(&[theirs, ours])]);
    registry.take(layout.path(), "multi");
    let name = registry.image("multi");
    let which = |more: &[&str]| {
        let command = [&name[..], "sh", "-c", "busybox cat which"];
        wharf.ok(&[&["run", "--rm", "-q"], more, &command].concat())
    };
    assert_eq!(which(&[]), "ours");
    let (_, error) = wharf.fails(&["pull", "--platform", "linux/s390x", &name]);
    assert!(
        error.ends_with("there is no image for linux/s390x, only for linux/arm64, linux/amd64"),
        "{error}"
    );
    wharf.ok(&["pull", "-q", "--platform", "arm64", &name]);
    assert_eq!(which(&["--platform", "arm64"]), "theirs");
    wharf.ok(&["pull", "-q", "--all-platforms", &name]);
    assert_eq!(which(&[]), "ours");
    assert_eq!(which(&["--platform", "linux/arm64"]), "theirs");
}

#[test]
fn a_digest_means_the_manifest_or_the_index() {
    if !has(NEEDED) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start();
    let layout = Layout::new();
    let entry = layout.image(&[shell()], "amd64", json!({}));
    let list = layout.list(std::slice::from_ref(&entry));
    layout.index(std::slice::from_ref(&list));
    registry.take(layout.path(), "x");
    for descriptor in [&entry, &list] {
        let digest = descriptor["digest"].as_str().unwrap();
        let name = registry.image(&format!("x@{digest}"));
        wharf.ok(&["pull", "-q", &name]);
        wharf.ok(&["run", "--rm", "--pull", "never", &name, "sh", "-c", "true"]);
        wharf.ok(&["rmi", &name]);
    }
    let other = digest(b"other");
    let (_, error) = wharf.fails(&["pull", &registry.image(&format!("x@{other}"))]);
    assert!(error.contains("does not have it"), "{error}");
}

#[test]
fn a_password_and_a_certificate_are_used_and_wanted() {
    if !has(&["docker-registry", "skopeo", "busybox", "openssl"]) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start_as(Manner {
        tls: true,
        password: true,
        ..Manner::default()
    });
    let layout = Layout::of(&[shell()]);
    let from = format!("oci:{}", layout.path().display());
    let to = format!("docker://{}", registry.image("x"));
    let creds = "--dest-creds=me:secret";
    crate::registry::partner(
        "skopeo",
        &[
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            creds,
            &from,
            &to,
        ],
    );
    // Under a name that is not this machine's, a certificate is wanted.
    let hosts = registry.path("hosts");
    let own = hosts.join("registry.test");
    std::fs::create_dir_all(&own).unwrap();
    let server = format!("server = \"https://{}\"\n", registry.host());
    std::fs::write(own.join("hosts.toml"), &server).unwrap();
    let hosts = format!("--hosts-dir={}", hosts.display());
    let pull = |more: &[&str]| wharf.run(&[&["pull", "--retry=1", &hosts], more].concat());
    let unknown = pull(&["--creds=me:secret", "registry.test/x"]);
    assert!(
        unknown.stderr.contains("invalid peer certificate"),
        "{unknown:?}"
    );
    let with_ca = format!("{server}ca = \"{}\"\n", registry.path("ca.crt").display());
    std::fs::write(own.join("hosts.toml"), with_ca).unwrap();
    let nobody = pull(&["registry.test/x"]);
    assert!(nobody.stderr.contains("wants a login"), "{nobody:?}");
    let wrong = pull(&["--creds=me:wrong", "registry.test/x"]);
    assert!(wrong.stderr.contains("wants a login"), "{wrong:?}");
    let right = pull(&["--creds=me:secret", "registry.test/x"]);
    assert_eq!(right.code, 0, "{right:?}");
    wharf.ok(&["run", "--rm", "registry.test/x", "sh", "-c", "true"]);
}

#[test]
fn many_pulls_at_once_bring_each_layer_once() {
    if !has(NEEDED) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start();
    registry.take(Layout::of(&layers(Codec::Gzip)).path(), "x");
    let image = registry.image("x");
    let before = registry.log().len();
    let children: Vec<_> = (0..4)
        .map(|_| {
            wharf
                .command()
                .args(["pull", "-q", &image])
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let log = registry.log();
    let blobs = log[before..]
        .lines()
        .filter(|line| line.contains("\"GET /v2/x/blobs/"));
    // Three layers, and the configuration for each pull.
    assert!(
        blobs.clone().count() <= 3 + 4,
        "{}",
        blobs.collect::<Vec<_>>().join("\n")
    );
    wharf.ok(&["run", "--rm", &image, "sh", "-c", LOOK]);
}
