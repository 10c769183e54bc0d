//! Many at once on the same images: pulls, runs, removals and prunes by several processes. Each
//! gets what it asked for or one clear sentence, nothing is fetched twice without need, and
//! afterwards the store is whole.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::hammer::random;
use crate::harness::Wharf;
use crate::layout::{Codec, Layer, Layout, archive, compress, digest, shell};
use crate::registry::{Registry, has};

const NEEDED: &[&str] = &["docker-registry", "skopeo", "busybox"];
const HANDS: u64 = 6;
const STEPS: u64 = 10;

/// Words that say that somebody else was first, which is no failure.
const CONFLICTS: [&str; 3] = ["no image", "is in use by container", "is used by container"];

/// Three images that have the first layer in common, two also the second.
fn images(registry: &Registry) -> Vec<String> {
    let word = |text: &str| -> Layer { (archive(&[("word", text.as_bytes())]), Codec::Zstd) };
    let middle = || (archive(&[("middle", &[7; 300_000])]), Codec::Gzip);
    let all = [
        ("a", vec![shell(), middle(), word("a")]),
        ("b", vec![shell(), middle(), word("b")]),
        ("c", vec![shell(), word("c")]),
    ];
    for (name, layers) in &all {
        registry.take(Layout::of(layers).path(), name);
    }
    all.iter().map(|(name, _)| registry.image(name)).collect()
}

#[test]
fn many_hands_on_the_same_images_leave_the_store_whole() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, registry) = (Wharf::new(), Registry::start());
    let images = images(&registry);
    let seed = u64::from(std::process::id());
    let hand = |hand: u64| {
        let mut state = seed * HANDS + hand;
        for _ in 0..STEPS {
            let image = &images[random(&mut state) % images.len()];
            let run = ["run", "--rm", "-q", image, "sh", "-c", "busybox cat word"];
            let words: &[&str] = match random(&mut state) % 8 {
                0..=2 => &["pull", "-q", image],
                3..=5 => &run,
                6 => &["rmi", image],
                _ => &["image", "prune", "-af"],
            };
            let began = Instant::now();
            let outcome = wharf.run(words);
            let lasted = began.elapsed();
            assert!(lasted < Duration::from_secs(60), "{words:?}: {lasted:?}");
            let is_conflict = CONFLICTS.iter().any(|told| outcome.stderr.contains(told));
            let is_fine = outcome.code == 0 || is_conflict;
            assert!(is_fine, "seed {seed}: {words:?}: {outcome:?}");
            // Whoever ran, ran the right image.
            if words == run && outcome.code == 0 {
                assert!(image.ends_with(&outcome.stdout), "{image}: {outcome:?}");
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 0..HANDS {
            let hand = &hand;
            scope.spawn(move || hand(number));
        }
    });
    wharf.ok(&["system", "check"]);
    for image in &images {
        wharf.ok(&["pull", "-q", image]);
        wharf.ok(&["image", "verify", image]);
    }
    wharf.ok(&["image", "prune", "-af"]);
    for part in ["layers", "blobs/sha256", "partial"] {
        let left = wharf.entries(&format!("data/images/{part}"));
        assert_eq!(left, [""; 0], "{part}");
    }
}

#[test]
fn what_two_images_have_in_common_is_fetched_once_by_two_who_pull_them() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, registry) = (Wharf::new(), Registry::start());
    let images = images(&registry);
    let before = registry.log().len();
    let pulls: Vec<_> = images
        .iter()
        .chain(&images)
        .map(|image| {
            let mut pull = wharf.command();
            pull.args(["pull", "-q", image]).stdout(Stdio::null());
            pull.spawn().unwrap()
        })
        .collect();
    for mut pull in pulls {
        assert!(pull.wait().unwrap().success());
    }
    let layers = wharf.entries("data/images/layers");
    assert_eq!(layers.len(), 5);
    let (shell, codec) = shell();
    let of_shell = digest(&compress(&shell, codec).0);
    let wanted = format!("/blobs/{of_shell} ");
    let fetched = || {
        let log = registry.log();
        let lines = log[before..].lines();
        lines
            .filter(|line| line.contains("\"GET ") && line.contains(&wanted))
            .count()
    };
    // The registry logs after it answers.
    let began = Instant::now();
    while fetched() == 0 && began.elapsed() < Duration::from_secs(60) {
        std::thread::yield_now();
    }
    assert_eq!(fetched(), 1, "{of_shell}");
}
