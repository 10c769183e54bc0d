//! Pushing to a real registry: what we push others read, and we are who we say.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::Wharf;
use crate::layout::{Codec, Layout, archive, shell};
use crate::registry::{Manner, Registry, has, partner};

const NEEDED: &[&str] = &["docker-registry", "skopeo", "busybox"];

fn load(wharf: &Wharf, codec: Codec, name: &str) {
    let more = archive(&[("etc/word", b"word")]);
    let layout = Layout::of(&[(shell().0, codec), (more, codec)]);
    let loaded = wharf.ok(&["load", "-i", layout.path().to_str().unwrap()]);
    wharf.ok(&[
        "tag",
        loaded.strip_prefix("Loaded image ID: ").unwrap(),
        name,
    ]);
}

fn manifest(registry: &Registry, name: &str) -> Value {
    let image = format!("docker://{}", registry.image(name));
    let output = partner(
        "skopeo",
        &["inspect", "--raw", "--tls-verify=false", &image],
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_is_pushed_is_there_for_others_and_comes_back_the_same() {
    if !has(NEEDED) {
        return;
    }
    let registry = Registry::start();
    for (codec, flag, media_type) in [
        (Codec::Gzip, "gzip", "tar+gzip"),
        (Codec::Plain, "gzip", "tar+gzip"),
        (Codec::Plain, "zstd", "tar+zstd"),
        (Codec::Plain, "none", "tar"),
    ] {
        let wharf = Wharf::new();
        let image = registry.image("x:1");
        load(&wharf, codec, &image);
        let pushed = wharf.ok(&["push", "--compression", flag, &image]);
        let digest = pushed
            .lines()
            .last()
            .unwrap()
            .split(' ')
            .nth(2)
            .unwrap()
            .to_owned();
        let is_compressed = pushed.contains(": Compressed\n");
        let is_wanted = matches!(codec, Codec::Plain) && flag != "none";
        assert_eq!(is_compressed, is_wanted, "{pushed}");
        let there = manifest(&registry, "x:1");
        let kind = there["layers"][0]["mediaType"].as_str().unwrap();
        assert!(kind.ends_with(media_type), "{kind}");
        let inspected = wharf.ok(&["image", "inspect", &image]);
        assert!(inspected.contains(&digest), "{inspected}");
        let names = wharf.ok(&["run", "--rm", &image, "sh", "-c", "busybox cat /etc/word"]);
        assert_eq!(names, "word");
        wharf.ok(&["rmi", &image]);
        assert_eq!(wharf.entries("data/images/blobs/sha256"), [""; 0]);
        let again = wharf.ok(&["pull", &image]);
        assert!(again.contains(&digest), "{again}");
        wharf.ok(&["run", "--rm", &image, "sh", "-c", "busybox cat /etc/word"]);
    }
}

#[test]
fn a_blob_that_is_there_is_not_sent_and_one_of_a_neighbour_is_mounted() {
    if !has(NEEDED) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start();
    let (one, two) = (registry.image("one"), registry.image("two"));
    load(&wharf, Codec::Gzip, &one);
    let first = wharf.ok(&["push", &one]);
    assert_eq!(first.matches(": Complete").count(), 3, "{first}");
    let again = wharf.ok(&["push", &one]);
    assert_eq!(again.matches(": Already exists").count(), 3, "{again}");
    wharf.ok(&["tag", &one, &two]);
    let mounted = wharf.ok(&["push", &two]);
    assert_eq!(mounted.matches(": Mounted").count(), 2, "{mounted}");
    assert_eq!(manifest(&registry, "one"), manifest(&registry, "two"));
}

#[test]
fn no_upload_is_left_where_a_neighbour_turned_out_not_to_have_it() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, registry) = (Wharf::new(), Registry::start());
    let names = ["x", "neighbour", "another"].map(|name| registry.image(name));
    load(&wharf, Codec::Gzip, &names[0]);
    // It is called so here, but was never pushed.
    wharf.ok(&["tag", &names[0], &names[1]]);
    wharf.ok(&["tag", &names[0], &names[2]]);
    let pushed = wharf.ok(&["push", &names[0]]);
    assert_eq!(pushed.matches(": Complete").count(), 3, "{pushed}");
    // What is begun is ended, by sending or by giving it up. The registry logs after it answers.
    let count = |what: &str| registry.log().matches(what).count();
    let uploads = || count("\"POST /v2/x/blobs/uploads/");
    let ended = || count("\"PUT /v2/x/blobs/uploads/") + count("\"DELETE /v2/x/blobs/uploads/");
    let begin = Instant::now();
    while (uploads(), ended()) != (5, 5) {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{}",
            registry.log()
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_login_is_tried_and_kept_where_docker_keeps_it() {
    if !has(NEEDED) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start_as(Manner {
        tls: false,
        password: true,
        ..Manner::default()
    });
    let config = wharf.path("docker");
    let command = |words: &[&str], input: &str| {
        let mut child = wharf
            .command()
            .args(words)
            .env("DOCKER_CONFIG", &config)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let host = registry.host();
    let image = registry.image("x");
    load(&wharf, Codec::Gzip, &image);
    let (pushed, words) = command(&["push", &image], "");
    assert!(!pushed && words.contains("wants a login"), "{words}");
    let login = ["login", "-u", "me", "--password-stdin", &host];
    let (wrong, words) = command(&login, "wrong\n");
    assert!(!wrong && words.contains("wants a login"), "{words}");
    assert!(!config.join("config.json").exists());
    let (right, words) = command(&login, "secret\n");
    assert!(right, "{words}");
    let text = std::fs::read_to_string(config.join("config.json")).unwrap();
    let kept: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(kept["auths"][&host], json!({"auth": "bWU6c2VjcmV0"}));
    let (pushed, words) = command(&["push", &image], "");
    assert!(pushed, "{words}");
    let (pulled, words) = command(&["pull", &image], "");
    assert!(pulled, "{words}");
    // What skopeo wrote we read, and the other way round.
    let authfile = config.join("config.json");
    let docker = format!("docker://{image}");
    partner(
        "skopeo",
        &[
            "inspect",
            "--tls-verify=false",
            "--authfile",
            authfile.to_str().unwrap(),
            &docker,
        ],
    );
    let (_, words) = command(&["logout", &host], "");
    assert!(words.starts_with("Removing login"), "{words}");
    let (pulled, _) = command(&["pull", &image], "");
    assert!(!pulled);
}
