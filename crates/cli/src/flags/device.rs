//! `--device` and `--device-cgroup-rule`.

use std::path::{Path, PathBuf};

use engine::DeviceWish;
use spec::runtime::DeviceRule;

use super::cdi;

/// What `--device` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeviceFlag {
    /// A node of the host.
    Node(DeviceWish),
    /// A device that a file of the host describes, by its name there.
    Named(String),
}

/// Nodes, and names.
pub(crate) fn sorted(flags: Vec<DeviceFlag>) -> (Vec<DeviceWish>, Vec<String>) {
    let (mut nodes, mut names) = (Vec::new(), Vec::new());
    for flag in flags {
        match flag {
            DeviceFlag::Node(node) => nodes.push(node),
            DeviceFlag::Named(name) => names.push(name),
        }
    }
    (nodes, names)
}

/// `VENDOR/CLASS=NAME`, or `PATH[:TARGET][:ACCESS]`, as Docker writes it.
pub(crate) fn device(text: &str) -> Result<DeviceFlag, String> {
    let wrong = || format!("invalid device {text:?}: expected PATH[:TARGET][:rwm]");
    if cdi::is_name(text) {
        return Ok(DeviceFlag::Named(text.to_owned()));
    }
    let parts: Vec<&str> = text.split(':').collect();
    let is_access = |part: &str| !part.is_empty() && part.chars().all(|c| "rwm".contains(c));
    let (source, target, access) = match parts.as_slice() {
        [source] => (*source, *source, "rwm"),
        [source, access] if is_access(access) => (*source, *source, *access),
        [source, target] => (*source, *target, "rwm"),
        [source, target, access] if is_access(access) => (*source, *target, *access),
        _ => return Err(wrong()),
    };
    if !Path::new(source).is_absolute() || !Path::new(target).is_absolute() {
        return Err(wrong());
    }
    Ok(DeviceFlag::Node(DeviceWish {
        source: PathBuf::from(source),
        target: PathBuf::from(target),
        access: access.to_owned(),
    }))
}

/// `TYPE MAJOR:MINOR ACCESS`, as the kernel writes it.
pub(crate) fn rule(text: &str) -> Result<DeviceRule, String> {
    let wrong = || format!("invalid device rule {text:?}: expected TYPE MAJOR:MINOR ACCESS");
    let words: Vec<&str> = text.split_whitespace().collect();
    let [kind @ ("a" | "b" | "c"), numbers, access] = words.as_slice() else {
        return Err(wrong());
    };
    let (major, minor) = numbers.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| match text {
        "*" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| wrong()),
    };
    if access.is_empty() || !access.chars().all(|c| "rwm".contains(c)) {
        return Err(wrong());
    }
    Ok(DeviceRule {
        allow: true,
        kind: Some((*kind).to_owned()),
        major: number(major)?,
        minor: number(minor)?,
        access: Some((*access).to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_place_and_an_access() {
        let node = |text| match device(text) {
            Ok(DeviceFlag::Node(node)) => node,
            other => panic!("{other:?}"),
        };
        let wish = node("/dev/fuse:/dev/other:rw");
        assert_eq!(
            (wish.target.to_str(), wish.access.as_str()),
            (Some("/dev/other"), "rw")
        );
        assert_eq!(node("/dev/fuse:r").access, "r");
        for text in ["fuse", "/dev/a:b", "/dev/a:/b:x", ""] {
            assert!(device(text).is_err(), "{text}");
        }
        let named = DeviceFlag::Named("vendor.com/class=name".to_owned());
        assert_eq!(device("vendor.com/class=name"), Ok(named));
        assert_eq!(rule("c 10:* rwm").unwrap().minor, None);
        assert!(rule("c 10 rwm").is_err() && rule("x 1:1 r").is_err());
    }
}
