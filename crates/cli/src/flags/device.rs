//! `--device` and `--device-cgroup-rule`.

use std::path::{Path, PathBuf};

use engine::DeviceWish;
use spec::runtime::DeviceRule;

/// `PATH[:TARGET][:ACCESS]`, as Docker writes it.
pub(crate) fn device(text: &str) -> Result<DeviceWish, String> {
    let wrong = || format!("invalid device {text:?}: expected PATH[:TARGET][:rwm]");
    if !text.starts_with('/') && text.contains('=') {
        return Err(format!(
            "the device {text:?} is one of CDI, which is not supported yet"
        ));
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
    Ok(DeviceWish {
        source: PathBuf::from(source),
        target: PathBuf::from(target),
        access: access.to_owned(),
    })
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
        let wish = device("/dev/fuse:/dev/other:rw").unwrap();
        assert_eq!(
            (wish.target.to_str(), wish.access.as_str()),
            (Some("/dev/other"), "rw")
        );
        assert_eq!(device("/dev/fuse:r").unwrap().access, "r");
        for text in ["fuse", "/dev/a:b", "/dev/a:/b:x", ""] {
            assert!(device(text).is_err(), "{text}");
        }
        assert!(device("vendor.com/class=name").unwrap_err().contains("CDI"));
        assert_eq!(rule("c 10:* rwm").unwrap().minor, None);
        assert!(rule("c 10 rwm").is_err() && rule("x 1:1 r").is_err());
    }
}
