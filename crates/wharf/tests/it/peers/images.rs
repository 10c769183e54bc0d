//! Images between wharf and other engines, by a registry and by archives: what they push or save
//! we run, what we push, commit or save they run.

use super::containerd::{Ctr, containerd};
use super::docker::{docker, dockerd};
use super::engine::Engine;
use super::podman::podman;
use super::stage::Stage;
use crate::harness::Wharf;
use crate::layout::{Codec, Layout, archive, shell};
use crate::registry::{Registry, has};

const SAY: [&str; 4] = ["sh", "-c", "busybox cat word", "word"];

/// An image of two layers in the store, under a name.
fn load(wharf: &Wharf, codec: Codec, name: &str) {
    let word = (archive(&[("word", b"word\n")]), codec);
    let layout = Layout::of(&[(shell().0, codec), word]);
    let loaded = wharf.ok(&["load", "-i", layout.path().to_str().unwrap()]);
    let id = loaded.strip_prefix("Loaded image ID: ").unwrap();
    wharf.ok(&["tag", id, name]);
}

/// What a container of wharf's says.
fn ours(wharf: &Wharf, image: &str) -> String {
    wharf.ok(&[&["run", "--rm", "--pull=never", image], &SAY[..]].concat())
}

/// What a container of the engine's says.
fn theirs(engine: &Engine<'_>, image: &str) -> String {
    engine.ok(&[&["run", "--rm", image], &SAY[..]].concat())
}

/// Writes another word in a container of wharf's, and makes an image of it.
fn commit(wharf: &Wharf, image: &str, name: &str) {
    let words = [
        "run",
        "--name",
        "writer",
        image,
        "sh",
        "-c",
        "echo changed > word",
    ];
    wharf.ok(&words);
    wharf.ok(&["commit", "writer", name]);
    wharf.ok(&["rm", "writer"]);
}

/// Archives that each side saves are loaded by the other.
fn change_archives(stage: &Stage, wharf: &Wharf, engine: &Engine<'_>) {
    load(wharf, Codec::Gzip, "localhost/saved:1");
    let file = stage.text("ours.tar");
    wharf.ok(&["save", "-o", &file, "localhost/saved:1"]);
    engine.ok(&["load", "-i", &file]);
    assert_eq!(theirs(engine, "localhost/saved:1"), "word");
    engine.ok(&["tag", "localhost/saved:1", "localhost/theirs:1"]);
    let file = stage.text("theirs.tar");
    engine.ok(&["save", "-o", &file, "localhost/theirs:1"]);
    wharf.ok(&["load", "-i", &file]);
    assert_eq!(ours(wharf, "localhost/theirs:1"), "word");
}

#[test]
fn podman_and_we_change_images() {
    let Some(stage) = Stage::new(&["podman", "docker-registry"]) else {
        return;
    };
    let (wharf, registry, engine) = (Wharf::new(), Registry::start(), podman(&stage));
    for (codec, flag) in [(Codec::Gzip, "gzip"), (Codec::Plain, "zstd")] {
        let name = registry.image(&format!("from-us:{flag}"));
        load(&wharf, codec, &name);
        wharf.ok(&["push", "-q", "--compression", flag, &name]);
        engine.ok(&["pull", "-q", "--tls-verify=false", &name]);
        assert_eq!(theirs(&engine, &name), "word");
        let back = registry.image(&format!("from-them:{flag}"));
        engine.ok(&["push", "-q", "--tls-verify=false", &name, &back]);
        wharf.ok(&["pull", "-q", &back]);
        assert_eq!(ours(&wharf, &back), "word");
    }
    let committed = registry.image("committed");
    commit(&wharf, &registry.image("from-us:gzip"), &committed);
    wharf.ok(&["push", "-q", &committed]);
    engine.ok(&["pull", "-q", "--tls-verify=false", &committed]);
    assert_eq!(theirs(&engine, &committed), "changed");
    change_archives(&stage, &wharf, &engine);
    let file = stage.text("oci.tar");
    engine.ok(&[
        "save",
        "--format=oci-archive",
        "-o",
        &file,
        "localhost/theirs:1",
    ]);
    wharf.ok(&["rmi", "localhost/theirs:1"]);
    wharf.ok(&["load", "-i", &file]);
    assert_eq!(ours(&wharf, "localhost/theirs:1"), "word");
}

#[test]
fn docker_and_we_change_images() {
    let Some(stage) = Stage::new(&["dockerd", "docker"]) else {
        return;
    };
    let wharf = Wharf::new();
    let _daemon = dockerd(&stage);
    let engine = docker(&stage);
    change_archives(&stage, &wharf, &engine);
    commit(&wharf, "localhost/saved:1", "localhost/committed:1");
    let file = stage.text("committed.tar");
    wharf.ok(&["save", "-o", &file, "localhost/committed:1"]);
    engine.ok(&["load", "-i", &file]);
    assert_eq!(theirs(&engine, "localhost/committed:1"), "changed");
}

#[test]
fn containerd_and_we_change_images() {
    let Some(stage) = Stage::new(&["containerd", "ctr", "docker-registry"]) else {
        return;
    };
    if !has(&["busybox"]) {
        return;
    }
    let (wharf, registry) = (Wharf::new(), Registry::start());
    let _daemon = containerd(&stage);
    let ctr = Ctr { stage: &stage };
    for (codec, flag) in [(Codec::Gzip, "gzip"), (Codec::Plain, "zstd")] {
        let name = registry.image(&format!("from-us:{flag}"));
        load(&wharf, codec, &name);
        wharf.ok(&["push", "-q", "--compression", flag, &name]);
        // It unpacks what it pulls.
        ctr.ok(&["image", "pull", "--plain-http", &name]);
        ctr.ok(&["image", "check"]);
        let back = registry.image(&format!("from-them:{flag}"));
        ctr.ok(&["image", "push", "--plain-http", &back, &name]);
        wharf.ok(&["pull", "-q", &back]);
        assert_eq!(ours(&wharf, &back), "word");
    }
    let name = registry.image("from-us:gzip");
    let file = stage.text("theirs.tar");
    ctr.ok(&["image", "export", &file, &name]);
    wharf.ok(&["rmi", &name]);
    wharf.ok(&["load", "-i", &file]);
    assert_eq!(ours(&wharf, &name), "word");
    let file = stage.text("ours.tar");
    wharf.ok(&["save", "-o", &file, &name]);
    ctr.ok(&["image", "remove", &name]);
    ctr.ok(&["image", "import", &file]);
    let listed = ctr.ok(&["image", "list", "-q"]);
    assert!(listed.lines().any(|line| line == name), "{listed}");
}
