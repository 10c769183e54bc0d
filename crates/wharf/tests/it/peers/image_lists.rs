//! Lists of images beside Docker's: the same images, the same words, the same answers.

use super::docker::{docker, dockerd};
use super::engine::Engine;
use super::stage::Stage;
use crate::harness::Wharf;
use crate::layout::archive;

/// Three images made at three times, with labels.
fn images(stage: &Stage, wharf: &Wharf) -> String {
    let tree = stage.path("tree.tar");
    for (name, epoch, label) in [
        ("localhost/one:1", "1000000000", "LABEL kind=a size=small"),
        ("localhost/two:1", "1100000000", "LABEL kind=b"),
        ("localhost/deep/three:2.0", "1200000000", "LABEL other=c"),
    ] {
        std::fs::write(&tree, archive(&[("name", name.as_bytes())])).unwrap();
        let mut import = wharf.command();
        import.env("SOURCE_DATE_EPOCH", epoch);
        import.args(["import", "-m", "made here", "-c", label]);
        import.args([tree.to_str().unwrap(), name]);
        import.arg("-c").arg("CMD [\"/bin/true\"]");
        let output = import.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let saved = stage.text("all.tar");
    let all = [
        "localhost/one:1",
        "localhost/two:1",
        "localhost/deep/three:2.0",
    ];
    wharf.ok(&[&["save", "-o", &saved], &all[..]].concat());
    saved
}

/// The lines of an answer, without the image that only wharf has.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with("host"));
    lines.map(|line| line.trim_end().to_owned()).collect()
}

fn assert_same(wharf: &Wharf, docker: &Engine<'_>, words: &[&str]) {
    let (ours, theirs) = (lines(&wharf.ok(words)), lines(&docker.ok(words)));
    assert_eq!(ours, theirs, "{words:?}");
}

#[test]
fn images_are_listed_and_chosen_as_by_docker() {
    let Some(stage) = Stage::new(&["dockerd", "docker"]) else {
        return;
    };
    let wharf = Wharf::new();
    let _daemon = dockerd(&stage);
    let mut docker = docker(&stage);
    docker.environment.push(("TZ", "UTC".to_owned()));
    let saved = images(&stage, &wharf);
    docker.ok(&["load", "-i", &saved]);
    let row = "{{.Repository}} {{.Tag}} {{.ID}} {{.CreatedAt}} {{.CreatedSince}}";
    assert_same(&wharf, &docker, &["images", "--format", row]);
    assert_same(&wharf, &docker, &["images", "--no-trunc", "--format", row]);
    let table = "table {{.Repository}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Tag}}";
    assert_same(&wharf, &docker, &["image", "ls", "--format", table]);
    assert_same(&wharf, &docker, &["images", "-aq", "--no-trunc"]);
    let header = |text: String| {
        text.lines()
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<String>()
    };
    for words in [
        &["images"][..],
        &["images", "--digests"],
        &["history", "localhost/one:1"],
    ] {
        assert_eq!(
            header(wharf.ok(words)),
            header(docker.ok(words)),
            "{words:?}"
        );
    }
    for name in [
        "localhost/one",
        "localhost/one:1",
        "localhost/one:2",
        "localhost/*",
        "localhost/*/*",
        "*/*:1",
        "localhost/t?o",
        "one",
    ] {
        assert_same(&wharf, &docker, &["images", "-q", name]);
    }
    for filter in [
        "reference=localhost/t*",
        "dangling=true",
        "dangling=false",
        "label=kind",
        "label=kind=b",
        "before=localhost/two:1",
        "since=localhost/two:1",
        "since=localhost/one:1",
    ] {
        assert_same(&wharf, &docker, &["images", "-q", "--filter", filter]);
    }
    let both = [
        "images",
        "-q",
        "-f",
        "label=kind",
        "-f",
        "since=localhost/one:1",
    ];
    assert_same(&wharf, &docker, &both);
    let step = "{{.ID}} {{.CreatedAt}} {{.CreatedBy}} {{.Comment}}";
    for flags in [&["--no-trunc"][..], &["-H=false"], &["--human"]] {
        let words = [&["history"], flags, &["--format", step, "localhost/one:1"]].concat();
        assert_same(&wharf, &docker, &words);
    }
    let facts =
        "{{.Id}} {{.RepoTags}} {{.Os}}/{{.Architecture}} {{json .Config.Labels}} {{.Config.Cmd}}";
    assert_same(
        &wharf,
        &docker,
        &["image", "inspect", "-f", facts, "localhost/two:1"],
    );
    for words in [
        &["images", "-f", "colour=red"][..],
        &["images", "-f", "before=none"],
        &["image", "prune", "-f", "--filter", "colour=red"],
        &["pull", "-a", "127.0.0.1:1/x:1"],
    ] {
        wharf.fails(words);
        docker.fails(words);
    }
}
