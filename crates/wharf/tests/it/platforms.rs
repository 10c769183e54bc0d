//! Names that mean images for several platforms, repositories with several tags, and choosing
//! among images that are to go.

use serde_json::json;

use crate::harness::Wharf;
use crate::layout::{Codec, Layout, archive, shell};
use crate::registry::{Registry, has, partner};

const NEEDED: &[&str] = &["docker-registry", "skopeo", "busybox"];

/// A layout with an index of two images.
fn two_platforms() -> Layout {
    let layout = Layout::new();
    let image = |architecture, text: &'static str| {
        let words = archive(&[("which", text.as_bytes())]);
        layout.image(&[shell(), (words, Codec::Zstd)], architecture, json!({}))
    };
    let list = layout.list(&[image("amd64", "ours"), image("arm64", "theirs")]);
    layout.index(&[list]);
    layout
}

#[test]
fn one_of_several_images_is_chosen_by_its_platform() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, registry) = (Wharf::new(), Registry::start());
    registry.take(two_platforms().path(), "x:1");
    let name = registry.image("x:1");
    let pull = || wharf.ok(&["pull", "-q", "--all-platforms", &name]);
    pull();
    let architecture = |more: &[&str], name: &str| {
        let words = ["image", "inspect", "-f", "{{.Architecture}}"];
        wharf.ok(&[&words[..], more, &[name]].concat())
    };
    assert_eq!(architecture(&[], &name), "amd64");
    assert_eq!(architecture(&["--platform=linux/arm64"], &name), "arm64");
    let id = |platform: &str| {
        let words = ["history", "-q", "--no-trunc", "--platform", platform, &name];
        wharf.ok(&words).lines().next().unwrap().to_owned()
    };
    assert_ne!(id("amd64"), id("arm64"));
    for words in [
        &["history", "--platform=s390x", &name][..],
        &["image", "inspect", "--platform=s390x", &name],
        &["rmi", "--platform=s390x", &name],
        &["push", "--platform=s390x", &name],
    ] {
        let (_, error) = wharf.fails(words);
        assert!(error.contains("no image for linux/s390x"), "{error}");
    }
    let saved = wharf.path("saved.tar");
    let saved = saved.to_str().unwrap();
    wharf.ok(&["save", "--platform=arm64", "-o", saved, &name]);
    let other = Wharf::new();
    other.ok(&["load", "--platform=arm64", "-i", saved]);
    assert_eq!(other.ok(&["images", "-q", &name]).lines().count(), 1);
    // Only this image goes to the registry, without the index.
    let single = registry.image("single:1");
    wharf.ok(&["push", "-q", "--platform=arm64", &name, &single]);
    wharf.ok(&["pull", "-q", "--platform=arm64", &single]);
    assert_eq!(architecture(&[], &single), "arm64");
    wharf.ok(&["rmi", &single]);
    // One of them goes, then the name with all that it means.
    let removed = wharf.ok(&["rmi", "--platform=linux/arm64", &name]);
    assert!(removed.contains("Deleted: sha256:"), "{removed}");
    assert_eq!(wharf.ok(&["images", "-q", &name]).lines().count(), 1);
    pull();
    assert_eq!(wharf.ok(&["images", "-q", &name]).lines().count(), 2);
    let removed = wharf.ok(&["rmi", &name]);
    assert_eq!(removed.matches("Untagged: ").count(), 1, "{removed}");
    assert_eq!(wharf.entries("data/images/blobs/sha256"), [""; 0]);
    assert_eq!(wharf.entries("data/images/layers"), [""; 0]);
}

/// A layout with an index of an image and what its builder says about it, as buildx writes it.
fn attested() -> (Layout, String, String) {
    let layout = Layout::new();
    let image = layout.image(&[shell()], "amd64", json!({}));
    let statement = br#"{"_type":"https://in-toto.io/Statement/v0.1","predicate":{}}"#;
    let layer = layout.put(statement, "application/vnd.in-toto+json");
    let config = json!({"os": "unknown", "architecture": "unknown",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}});
    let config_type = "application/vnd.oci.image.config.v1+json";
    let config = layout.put(config.to_string().as_bytes(), config_type);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config,
        "layers": [layer]});
    let mut entry = layout.put(manifest.to_string().as_bytes(), kind);
    entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    entry["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image["digest"]});
    let list = layout.list(&[image, entry]);
    layout.index(std::slice::from_ref(&list));
    let digest = |value: &serde_json::Value| value["digest"].as_str().unwrap().to_owned();
    (layout, digest(&list), digest(&layer))
}

#[test]
fn what_an_index_names_beside_images_goes_with_it() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, registry) = (Wharf::new(), Registry::start());
    let (layout, index, statement) = attested();
    registry.take(layout.path(), "one:1");
    let (one, two) = (registry.image("one:1"), registry.image("two:1"));
    let blob = format!("data/images/blobs/{}", statement.replace(':', "/"));
    wharf.ok(&["pull", "-q", &one]);
    assert!(!wharf.path(&blob).exists(), "nobody asked for it");
    wharf.ok(&["pull", "-q", "--all-platforms", &one]);
    assert!(wharf.path(&blob).exists());
    wharf.ok(&["image", "prune", "-f"]);
    wharf.ok(&["run", "--rm", &one, "sh", "-c", "true"]);
    // It is no image to choose or to list.
    assert_eq!(wharf.ok(&["images", "-q", &one]).lines().count(), 1);
    let pushed = wharf.ok(&["push", "--all-platforms", &one, &two]);
    assert!(pushed.contains(&index), "{pushed}");
    partner(
        "skopeo",
        &[
            "copy",
            "--all",
            "--quiet",
            "--src-tls-verify=false",
            &format!("docker://{two}"),
            &format!("dir:{}", wharf.path("copy").display()),
        ],
    );
    std::fs::write(wharf.path(&blob), "damaged").unwrap();
    let (_, _) = wharf.fails(&["system", "check"]);
    wharf.run(&["system", "check", "--repair"]);
    wharf.ok(&["system", "check"]);
    wharf.ok(&["pull", "-q", "--all-platforms", &two]);
    wharf.ok(&["rmi", &one, &two]);
    assert_eq!(wharf.entries("data/images/blobs/sha256"), [""; 0]);
}

#[test]
fn all_tags_of_a_repository_come_and_go() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, registry) = (Wharf::new(), Registry::start());
    let layout = Layout::of(&[shell()]);
    let loaded = wharf.ok(&["load", "-i", layout.path().to_str().unwrap()]);
    let id = loaded.strip_prefix("Loaded image ID: ").unwrap();
    let tags = ["1", "2", "latest"].map(|tag| registry.image(&format!("x:{tag}")));
    for name in tags.iter().chain(&[registry.image("y:1")]) {
        wharf.ok(&["tag", id, name]);
    }
    let repository = registry.image("x");
    let pushed = wharf.ok(&["push", "--all-tags", &repository]);
    assert_eq!(pushed.matches(": digest: sha256:").count(), 3, "{pushed}");
    let (_, error) = wharf.fails(&["push", "-a", &registry.image("none")]);
    assert!(error.contains("none"), "{error}");
    wharf.ok(&["rmi", &tags[0], &tags[1], &tags[2]]);
    let pulled = wharf.ok(&["pull", "-q", "-a", &repository]);
    assert_eq!(pulled.lines().collect::<Vec<_>>(), tags);
    let (_, error) = wharf.fails(&["pull", "-a", &tags[0]]);
    assert!(error.contains("has a tag"), "{error}");
    let words = ["pull", "--disable-content-trust=false", &tags[0]];
    let (_, error) = wharf.fails(&words);
    assert!(error.contains("content trust is not supported"), "{error}");
    wharf.ok(&["pull", "-q", "--disable-content-trust", &tags[0]]);
}

#[test]
fn images_that_meet_a_condition_are_pruned_alone() {
    let wharf = Wharf::new();
    let make = |name: &str, epoch: &str, label: &str| {
        let tree = wharf.path("tree.tar");
        std::fs::write(&tree, archive(&[("name", name.as_bytes())])).unwrap();
        let mut import = wharf.command();
        import.env("SOURCE_DATE_EPOCH", epoch);
        import.args(["import", "-c", label, tree.to_str().unwrap(), name]);
        let output = import.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    make("old:1", "1000000000", "LABEL keep=no");
    make("new:1", "1700000000", "LABEL keep=no");
    make("kept:1", "1000000000", "LABEL keep=yes");
    make("nameless:1", "1000000000", "LABEL keep=no");
    make("nameless:1", "1000000000", "LABEL keep=other");
    let names = || wharf.ok(&["images", "--format", "{{.Repository}}"]);
    let prune = |words: &[&str]| wharf.ok(&[&["image", "prune", "-f"], words].concat());
    let nothing = "Total reclaimed space: 0B";
    assert_eq!(prune(&["--filter", "label=keep=yes"]), nothing);
    assert_eq!(prune(&["--filter", "until=2001-01-01"]), nothing);
    assert!(names().contains("<none>"), "{}", names());
    let gone = prune(&["--filter", "until=2010-01-01"]);
    assert!(gone.starts_with("Deleted Images:\n"), "{gone}");
    assert!(!names().contains("<none>"), "{}", names());
    let words = [
        "--filter",
        "label!=keep=yes",
        "--filter",
        "until=2010-01-01",
    ];
    prune(&[&["-a"], &words[..]].concat());
    assert!(!names().contains("old") && names().contains("new"));
    prune(&["--filter", "dangling=false", "--filter", "label=keep=no"]);
    assert!(!names().contains("new") && names().contains("kept"));
    wharf.ok(&["system", "prune", "-af", "--filter", "label=keep=no"]);
    assert!(names().contains("kept"));
    wharf.ok(&["system", "prune", "-af", "--filter", "label=keep=yes"]);
    assert_eq!(names(), "host");
}
