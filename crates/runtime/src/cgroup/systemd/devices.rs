//! Device rules as properties, for hosts with v1: there systemd writes the list of a unit itself,
//! and opens it to everything if it knows of none. (With v2 its program and ours both have to
//! agree, so that it need not know.)
//!
//! Source: systemd.resource-control(5), "DeviceAllow".

use super::super::devices::Rule;
use super::properties::Property;
use crate::dbus::Value;

/// The rules in systemd's words, which name what is allowed and nothing else. Where they allow by
/// default, or take something back again, the list is left open for v1's own file to close.
pub(super) fn properties(rules: &[Rule]) -> Vec<Property> {
    let mut allowed: Option<Vec<Value>> = None;
    for rule in rules {
        match (rule.is_everything(), rule.allow, &mut allowed) {
            (true, true, allowed) => *allowed = None,
            (true, false, allowed) => *allowed = Some(Vec::new()),
            (false, true, Some(allowed)) => allowed.extend(entries(rule)),
            (false, ..) => {}
        }
    }
    let Some(allowed) = allowed else {
        return vec![("DevicePolicy".to_owned(), Value::from("auto"))];
    };
    vec![
        ("DevicePolicy".to_owned(), Value::from("strict")),
        (
            "DeviceAllow".to_owned(),
            Value::Array("(ss)".to_owned(), allowed),
        ),
    ]
}

fn entries(rule: &Rule) -> Vec<Value> {
    let kinds: &[(&str, &str)] = match rule.kind {
        'c' => &[("char", "Character")],
        'b' => &[("block", "Block")],
        _ => &[("char", "Character"), ("block", "Block")],
    };
    let nodes = kinds.iter().filter_map(|(kind, section)| {
        Some(match (rule.major, rule.minor) {
            (Some(major), Some(minor)) => format!("/dev/{kind}/{major}:{minor}"),
            (Some(major), None) => format!("{kind}-{}", driver(section, major)?),
            (None, _) => format!("{kind}-*"),
        })
    });
    let access = rule.access();
    let pair = |node: String| Value::Struct(vec![Value::Text(node), Value::from(&*access)]);
    nodes.map(pair).collect()
}

/// The name of the driver with this number, as /proc/devices lists it.
fn driver(section: &str, major: u32) -> Option<String> {
    let text = std::fs::read_to_string("/proc/devices").ok()?;
    let lines = text.lines().skip_while(|line| !line.starts_with(section));
    let lines = lines.skip(1).take_while(|line| !line.is_empty());
    let mut pairs = lines.filter_map(|line| line.trim().split_once(' '));
    let (_, name) = pairs.find(|(number, _)| number.parse() == Ok(major))?;
    Some(name.to_owned())
}
