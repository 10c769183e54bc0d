//! Looking into the layers of an image, and at what everything takes on the disk.

use serde_json::Value;

use crate::harness::Wharf;
use crate::layout::{Codec, Layout, archive, digest, shell};
use crate::registry::{has, partner};

/// Three layers: files, then changes and deletions, then the same again.
fn stacked() -> (Wharf, String) {
    let wharf = Wharf::new();
    let first = archive(&[("d/", b""), ("d/big", &[1; 9000]), ("d/old", &[1; 100])]);
    let second = archive(&[
        ("d/", b""),
        ("d/big", &[2; 5000]),
        ("d/.wh.old", b""),
        ("new", b"1"),
    ]);
    let third = archive(&[("d/", b""), ("d/.wh..wh..opq", b""), ("d/only", b"12")]);
    let layers = [first, second, third].map(|bytes| (bytes, Codec::Gzip));
    let layout = Layout::of(&layers);
    let loaded = wharf.ok(&["load", "-i", layout.path().to_str().unwrap()]);
    let id = loaded.strip_prefix("Loaded image ID: ").unwrap().to_owned();
    (wharf, id)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn layers_say_what_they_do_to_each_other() {
    let (wharf, id) = stacked();
    let layers = lines(&wharf.ok(&["image", "layers", "--format", "json", &id]));
    let numbers = |key: &str| -> Vec<u64> {
        layers
            .iter()
            .map(|layer| layer[key].as_u64().unwrap())
            .collect()
    };
    assert_eq!(numbers("Added"), [3, 1, 1]);
    assert_eq!(numbers("Changed"), [0, 2, 1]);
    assert_eq!(numbers("Deleted"), [0, 1, 1]);
    assert_eq!(numbers("Size"), [9100, 5001, 2]);
    assert_eq!(numbers("Hidden"), [9100, 5000, 0]);
    assert_eq!(layers[1]["CreatedBy"], "step 1");
    let table = wharf.ok(&["image", "layers", &id]);
    assert!(table.starts_with("LAYER   DIFF ID"), "{table}");
}

#[test]
fn a_file_is_traced_to_its_layer() {
    let (wharf, id) = stacked();
    let which = |path: &str| {
        let outcome = wharf.run(&["image", "which", "--format", "json", &id, path]);
        let found: Vec<(u64, String)> = lines(&outcome.stdout)
            .iter()
            .map(|line| {
                (
                    line["Layer"].as_u64().unwrap(),
                    line["What"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        (outcome.code, found)
    };
    let named = |found: &[(u64, &str)]| -> Vec<(u64, String)> {
        found
            .iter()
            .map(|(layer, what)| (*layer, (*what).to_owned()))
            .collect()
    };
    assert_eq!(which("/new"), (0, named(&[(1, "file")])));
    assert_eq!(which("/d/only"), (0, named(&[(2, "file")])));
    assert_eq!(which("/d/big"), (1, named(&[(1, "hidden"), (0, "hidden")])));
    assert_eq!(
        which("/d/old"),
        (1, named(&[(1, "deletes it"), (0, "hidden")]))
    );
    let (_, error) = wharf.fails(&["image", "which", &id, "/none"]);
    assert!(error.contains("no layer of"), "{error}");
}

#[test]
fn what_takes_room_is_shown_with_its_layer() {
    let (wharf, id) = stacked();
    let usage: Value =
        serde_json::from_str(&wharf.ok(&["image", "du", "--format", "json", &id])).unwrap();
    assert_eq!(usage["Seen"], 3);
    assert_eq!(usage["Wasted"], 14_100);
    assert_eq!(usage["Files"][0]["Path"], "/d/only");
    assert_eq!(usage["Directories"][0]["Layer"], 2);
}

#[test]
fn an_image_is_mounted_for_one_program_only() {
    if !has(&["busybox"]) {
        return;
    }
    let (wharf, id) = stacked();
    let script = "ls d; pwd; touch x 2>/dev/null || echo read-only";
    let outcome = wharf.run(&["image", "mount", &id, "sh", "-c", script]);
    let place = wharf.path("run/mnt");
    let expected = format!("only\n{}\nread-only\n", place.display());
    assert_eq!(
        (outcome.code, outcome.stdout),
        (0, expected),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        wharf
            .run(&["image", "mount", &id, "sh", "-c", "exit 3"])
            .code,
        3
    );
    let single = Layout::of(&[shell()]);
    let loaded = wharf.ok(&["load", "-i", single.path().to_str().unwrap()]);
    let id = loaded.strip_prefix("Loaded image ID: ").unwrap();
    assert!(
        wharf
            .ok(&["image", "mount", id, "ls", "bin"])
            .contains("busybox")
    );
}

#[test]
fn the_disk_has_an_owner_for_every_byte() {
    let (wharf, id) = stacked();
    wharf.ok(&["tag", &id, "x"]);
    let sum = || {
        let all = lines(&wharf.ok(&["system", "df", "--format", "json"]));
        all.iter()
            .map(|line| line["Bytes"].as_u64().unwrap())
            .sum::<u64>()
    };
    let du = || {
        let output = partner("du", &["-s", "-B1", wharf.path("data").to_str().unwrap()]);
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace()
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert_eq!(sum(), du());
    wharf.run(&["create", "--name", "box", "x", "sh"]);
    assert_eq!(sum(), du());
    wharf.ok(&["rm", "box"]);
    let table = wharf.ok(&["system", "df"]);
    assert!(table.starts_with("TYPE"), "{table}");
    wharf.ok(&["volume", "create", "kept"]);
    std::fs::write(wharf.path("data/volumes/kept/_data/file"), [1; 50_000]).unwrap();
    assert_eq!(sum(), du());
    let line = "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}";
    let lines = wharf.ok(&["system", "df", "--format", line]);
    assert!(lines.contains("\nLocal Volumes 1 0 "), "{lines}");
    let text = wharf.ok(&["system", "df", "-v", "--format", "json"]);
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all["Images"][0]["Repository"], "x");
    assert_eq!(all["Images"][0]["SharedSize"], "0B");
    assert_eq!(all["Volumes"][0]["Name"], "kept");
    let tables = wharf.ok(&["system", "df", "--verbose"]);
    assert!(tables.contains("\nContainers space usage:\n\nCONTAINER ID"));
}

#[test]
fn damage_is_found_and_mended() {
    let (wharf, id) = stacked();
    wharf.ok(&["tag", &id, "x"]);
    assert!(wharf.ok(&["system", "check"]).starts_with("Every digest"));
    let first = archive(&[("d/", b""), ("d/big", &[1; 9000]), ("d/old", &[1; 100])]);
    let (blob, _) = crate::layout::compress(&first, Codec::Gzip);
    let hex = digest(&blob).replace("sha256:", "");
    std::fs::write(wharf.path("data/images/blobs/sha256").join(&hex), "other").unwrap();
    let verified = wharf.run(&["image", "verify", "x"]);
    assert_eq!(verified.code, 1);
    assert!(verified.stdout.contains("its digest is"), "{verified:?}");
    let found = wharf.run(&["system", "check"]);
    assert_eq!(found.code, 1);
    assert!(found.stdout.contains(&hex), "{found:?}");
    let mended = wharf.run(&["system", "check", "--repair"]);
    assert_eq!(mended.code, 0, "{mended:?}");
    assert!(mended.stdout.contains("(mended)"), "{mended:?}");
    // What is unpacked is still whole.
    wharf.ok(&["image", "which", "x", "/new"]);
}
