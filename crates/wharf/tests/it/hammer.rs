//! Many at once: whatever verbs several processes do to the same containers, afterwards everything
//! belongs to something, and nothing is left.

use std::time::{Duration, Instant};

use crate::harness::{Wharf, is_root};

const HANDS: u64 = 8;
const STEPS: u64 = 12;

/// Words that say that somebody else was first, which is no failure.
const CONFLICTS: [&str; 7] = [
    "no such container",
    "no such object",
    "in use by container",
    "that the container has already",
    "cannot ",
    "is being started or removed",
    "ended before it started",
];

/// Numbers that look random (Steele's SplitMix64).
pub(crate) fn random(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((z ^ (z >> 31)) >> 33).unwrap()
}

fn words<'a>(verb: &'a str, own: &'a str, other: &'a str) -> Vec<&'a str> {
    match verb {
        "run" => vec!["run", "-d", "--name", own, "host", "sleep", "1000"],
        "stop" => vec!["stop", "-t", "0", own],
        "exec" => vec!["exec", own, "true"],
        "rm" => vec!["rm", "-f", own],
        "rename" => vec!["rename", own, other],
        "ps" => vec!["ps", "-a"],
        verb => vec![verb, own],
    }
}

#[test]
fn who_pauses_does_not_wait_for_what_another_lets_go_on() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.sleeper("web");
    let again_and_again = |verb: &str| {
        for _ in 0..40 {
            let outcome = wharf.run(&[verb, "web"]);
            let is_conflict = outcome.stderr.contains("cannot ");
            assert!(outcome.code == 0 || is_conflict, "{outcome:?}");
        }
    };
    std::thread::scope(|scope| {
        for verb in ["pause", "unpause", "pause", "unpause"] {
            let again_and_again = &again_and_again;
            scope.spawn(move || again_and_again(verb));
        }
    });
    wharf.ok(&["rm", "-f", "web"]);
}

#[test]
fn eight_hands_on_four_containers_leave_nothing_wrong_and_nothing_behind() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    wharf.ok(&["ps"]);
    let names = ["one", "two", "three", "four"];
    let verbs = [
        "run", "run", "run", "start", "start", "stop", "kill", "pause", "unpause", "exec", "rm",
        "rename", "inspect", "ps", "logs",
    ];
    let seed = u64::from(std::process::id());
    let hand = |hand: u64| {
        let mut state = seed * HANDS + hand;
        for _ in 0..STEPS {
            let own = names[random(&mut state) % names.len()];
            let other = names[random(&mut state) % names.len()];
            let verb = verbs[random(&mut state) % verbs.len()];
            let began = Instant::now();
            let outcome = wharf.run(&words(verb, own, other));
            let lasted = began.elapsed();
            assert!(lasted < Duration::from_secs(60), "{verb} {own}: {lasted:?}");
            let is_conflict = CONFLICTS.iter().any(|words| outcome.stderr.contains(words));
            // Its container may have ended under it.
            let is_killed = verb == "exec" && outcome.stderr.is_empty();
            let is_fine = outcome.code == 0 || is_conflict || is_killed;
            assert!(is_fine, "seed {seed}: {verb} {own}: {outcome:?}");
        }
    };
    std::thread::scope(|scope| {
        for number in 0..HANDS {
            let hand = &hand;
            scope.spawn(move || hand(number));
        }
    });
    let checked = wharf.run(&["system", "check"]);
    assert_eq!(checked.code, 0, "seed {seed}: {checked:?}");
    for id in wharf.ok(&["ps", "-aq", "--no-trunc"]).lines() {
        wharf.ok(&["rm", "-f", id]);
    }
    wharf.assert_nothing_left();
    wharf.ok(&["system", "check"]);
}
