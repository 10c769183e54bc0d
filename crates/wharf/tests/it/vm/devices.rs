//! Device control by BPF: who may open what.

use serde_json::{Value, json};

use super::machine::is_here;
use crate::bundle::Bundle;

/// What becomes of opening devices under these rules: each of `KIND MAJOR MINOR HOW`, with `r` to
/// read and `w` to write.
fn tried(rules: Value, devices: &[(&str, &str)]) -> Vec<bool> {
    let mut script = String::new();
    for (device, how) in devices {
        let arrow = if *how == "r" { "<" } else { ">>" };
        script += &format!(
            "rm -f /dev/it; mknod /dev/it {device} && \
             if (: {arrow} /dev/it) 2>&1 | grep -q 'not permitted'; then echo no; else echo yes; fi\n"
        );
    }
    let mut bundle = Bundle::new(&["bash", "-c", &script]);
    for set in ["bounding", "effective", "permitted"] {
        let set = bundle.config["process"]["capabilities"][set].as_array_mut();
        set.unwrap().push(json!("CAP_MKNOD"));
    }
    bundle.config["linux"]["resources"]["devices"] = rules;
    let output = bundle.output();
    bundle.assert_nothing_left();
    output.lines().map(|line| line == "yes").collect()
}

// No driver has these numbers, so that only the rules have a say.
const ONE: &str = "c 241 11";
const OTHER: &str = "c 242 7";
const BLOCK: &str = "b 242 7";

#[test]
fn only_what_is_allowed_can_be_opened() {
    if !is_here() {
        return;
    }
    let rules = json!([
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 241, "minor": 11, "access": "r"},
    ]);
    let devices = [
        (ONE, "r"),
        (ONE, "w"),
        (OTHER, "r"),
        ("c 1 3", "w"),
        ("c 1 9", "r"),
    ];
    assert_eq!(tried(rules, &devices), [true, false, false, true, true]);
}

#[test]
fn wildcards_stand_for_every_number() {
    if !is_here() {
        return;
    }
    let rules = json!([
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 242, "access": "rw"},
    ]);
    assert_eq!(tried(rules, &[(OTHER, "r"), (ONE, "r")]), [true, false]);
    let rules = json!([
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "access": "r"},
    ]);
    let devices = [(OTHER, "r"), (ONE, "r"), (ONE, "w"), (BLOCK, "r")];
    assert_eq!(tried(rules, &devices), [true, true, false, false]);
}

#[test]
fn the_last_rule_that_matches_decides() {
    if !is_here() {
        return;
    }
    let rules = json!([
        {"allow": true, "access": "rwm"},
        {"allow": false, "type": "c", "major": 241, "minor": 11, "access": "w"},
    ]);
    let devices = [(ONE, "r"), (ONE, "w"), (OTHER, "w")];
    assert_eq!(tried(rules, &devices), [true, false, true]);
    let rules = json!([
        {"allow": true, "type": "c", "major": 241, "minor": 11, "access": "rw"},
        {"allow": false, "access": "rwm"},
    ]);
    assert_eq!(tried(rules, &[(ONE, "r")]), [false]);
}

#[test]
fn without_rules_everything_is_open() {
    if !is_here() {
        return;
    }
    assert_eq!(tried(json!([]), &[(ONE, "r"), (OTHER, "w")]), [true, true]);
}
