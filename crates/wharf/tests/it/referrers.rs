//! OCI 1.1: what refers to an image, images for several platforms at once; and trees from
//! anywhere.

use serde_json::{Value, json};

use crate::harness::Wharf;
use crate::http::Server;
use crate::layout::{Codec, Layout, archive, digest, shell};
use crate::registry::{Registry, has, partner};

const NEEDED: &[&str] = &["docker-registry", "skopeo", "busybox"];

fn raw(registry: &Registry, name: &str) -> Vec<u8> {
    let image = format!("docker://{}", registry.image(name));
    let words = ["inspect", "--raw", "--tls-verify=false", &image];
    partner("skopeo", &words).stdout
}

/// An image that says that it is about another one, as something that scanned it would.
fn about(layout: &Layout, subject: &Value) -> Value {
    let layer = (archive(&[("report", b"all is well")]), Codec::Gzip);
    let entry = layout.image(&[layer], "amd64", json!({}));
    let bytes = std::fs::read(layout.blob(entry["digest"].as_str().unwrap())).unwrap();
    let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
    manifest["subject"] = subject.clone();
    manifest["artifactType"] = json!("application/vnd.test.report");
    manifest["annotations"] = json!({"org.example.by": "test"});
    let kind = "application/vnd.oci.image.manifest.v1+json";
    layout.put(manifest.to_string().as_bytes(), kind)
}

#[test]
fn what_refers_to_an_image_is_kept_and_found() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, registry) = (Wharf::new(), Registry::start());
    let (first, second) = (Layout::new(), Layout::new());
    let subject = first.image(&[shell()], "amd64", json!({}));
    first.index(std::slice::from_ref(&subject));
    registry.take(first.path(), "x:1");
    let image = registry.image("x:1");
    assert_eq!(wharf.ok(&["image", "referrers", &image]).lines().count(), 1);
    let entry = about(&second, &subject);
    second.index(std::slice::from_ref(&entry));
    let report = registry.image("x:report");
    let loaded = wharf.ok(&["load", "-i", second.path().to_str().unwrap()]);
    let id = loaded.strip_prefix("Loaded image ID: ").unwrap();
    wharf.ok(&["tag", id, &report]);
    // Debian's registry keeps no list: we keep the index that stands for one. Twice is once.
    for _ in 0..2 {
        wharf.ok(&["push", "-q", &report]);
        let found = wharf.ok(&["image", "referrers", "--format=json", &image]);
        let found: Vec<Value> = found
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["digest"], entry["digest"]);
        assert_eq!(found[0]["artifactType"], "application/vnd.test.report");
        assert_eq!(found[0]["annotations"]["org.example.by"], "test");
    }
    let digest = subject["digest"].as_str().unwrap();
    let tag = format!("x:{}", digest.replace(':', "-"));
    let index: Value = serde_json::from_slice(&raw(&registry, &tag)).unwrap();
    assert_eq!(index["manifests"][0]["digest"], entry["digest"]);
    let words = ["image", "referrers", "--artifact-type", "other", &image];
    assert_eq!(wharf.ok(&words).lines().count(), 1);
    // The bytes that say so are the same wherever they go.
    let expected = std::fs::read(second.blob(entry["digest"].as_str().unwrap())).unwrap();
    assert!(raw(&registry, "x:report") == expected);
    wharf.ok(&["rmi", &report]);
    wharf.ok(&["pull", "-q", &report]);
    let saved = wharf.path("saved.tar");
    let saved = saved.to_str().unwrap();
    wharf.ok(&["save", "-o", saved, &report]);
    wharf.ok(&["rmi", &report]);
    wharf.ok(&["load", "-i", saved]);
    wharf.ok(&["push", "-q", &report]);
    assert!(raw(&registry, "x:report") == expected);
}

#[test]
fn a_registrys_own_list_is_read_page_by_page() {
    let subject = digest(b"subject");
    let path = format!("/v2/x/referrers/{subject}");
    let server = Server::start(move |request| {
        let entry = |n: &str, kind: &str| {
            json!({"mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": digest(n.as_bytes()), "size": 3, "artifactType": kind})
        };
        let (link, entries) = match request.target.strip_prefix(&path) {
            Some("" | "?artifactType=wanted") => {
                let link = format!("<{path}?page=2>; rel=\"next\"");
                (
                    vec![("link", link)],
                    vec![entry("1", "wanted"), entry("2", "other")],
                )
            }
            Some("?page=2") => (vec![], vec![entry("3", "wanted")]),
            _ => return (404, vec![], vec![]),
        };
        let index = json!({"schemaVersion": 2, "manifests": entries});
        (200, link, index.to_string().into_bytes())
    });
    let wharf = Wharf::new();
    let image = format!("{}/x@{}", server.host(), digest(b"subject"));
    let all = wharf.ok(&["image", "referrers", &image]);
    assert_eq!(all.lines().count(), 1 + 3, "{all}");
    // A registry that does not choose is no matter.
    let words = ["image", "referrers", "--artifact-type=wanted", &image];
    let wanted = wharf.ok(&words);
    assert_eq!(wanted.lines().count(), 1 + 2, "{wanted}");
    assert!(wanted.contains(&digest(b"3")), "{wanted}");
}

#[test]
fn images_for_all_platforms_go_with_their_index() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, registry) = (Wharf::new(), Registry::start());
    let layout = Layout::new();
    let image = |architecture, text: &'static str| {
        let words = archive(&[("which", text.as_bytes())]);
        layout.image(&[shell(), (words, Codec::Zstd)], architecture, json!({}))
    };
    let list = layout.list(&[image("amd64", "ours"), image("arm64", "theirs")]);
    layout.index(std::slice::from_ref(&list));
    registry.take(layout.path(), "one:1");
    let (one, two) = (registry.image("one:1"), registry.image("two:1"));
    wharf.ok(&["pull", "-q", "--all-platforms", &one]);
    let pushed = wharf.ok(&["push", "--all-platforms", &one, &two]);
    assert!(
        pushed.contains(list["digest"].as_str().unwrap()),
        "{pushed}"
    );
    assert!(raw(&registry, "two:1") == raw(&registry, "one:1"));
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
    // Of what is not all here, a new index is made.
    wharf.ok(&["rmi", &one]);
    wharf.ok(&["pull", "-q", "--platform=arm64", &one]);
    let three = registry.image("three:1");
    wharf.ok(&["push", "-q", "--all-platforms", &one, &three]);
    let index: Value = serde_json::from_slice(&raw(&registry, "three:1")).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{index}");
    assert_eq!(entries[0]["platform"]["architecture"], "arm64");
    wharf.ok(&["pull", "-q", "--platform=arm64", &three]);
    let (_, error) = wharf.fails(&["push", "--all-platforms", "sha256:0"]);
    assert!(!error.is_empty());
}

#[test]
fn a_tree_is_imported_from_a_url() {
    let tree = archive(&[("word", b"from afar")]);
    let (gzip, _) = crate::layout::compress(&tree, Codec::Gzip);
    let server = Server::start(move |request| match request.target.as_str() {
        "/moved" => (302, vec![("location", "/root.tar.gz".to_owned())], vec![]),
        "/root.tar.gz" => (200, vec![], gzip.clone()),
        "/short" => {
            let claimed = (gzip.len() + 5).to_string();
            (
                200,
                vec![("x-claimed", claimed)],
                gzip[..gzip.len() / 2].to_vec(),
            )
        }
        _ => (404, vec![], vec![]),
    });
    let wharf = Wharf::new();
    for path in ["/root.tar.gz", "/moved"] {
        let url = server.url(path);
        wharf.ok(&["import", &url, "far:1"]);
        assert_eq!(
            wharf.ok(&["image", "mount", "far:1", "cat", "word"]),
            "from afar"
        );
        let history = wharf.ok(&["history", "--no-trunc", "far:1"]);
        assert!(
            history.contains(&format!("Imported from {url}")),
            "{history}"
        );
        wharf.ok(&["rmi", "far:1"]);
    }
    let fails = |url: &str| wharf.fails(&["import", "--retry=1", url]).1;
    assert!(fails(&server.url("/none")).contains("does not have it"));
    assert!(fails(&server.url("/short")).contains("reading"));
    assert!(fails("ftp://h/x").contains("is no URL that begins with http"));
    assert_eq!(wharf.entries("data/images/layers"), [""; 0]);
}
