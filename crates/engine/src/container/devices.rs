//! The devices of a container: Docker's rules for the device cgroup, and for a privileged
//! container all nodes of the host.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{major, minor};
use spec::runtime::{Device, DeviceRule};

/// What below `/dev` a container has of its own.
const OWN: [&str; 8] = [
    "pts",
    "shm",
    "mqueue",
    "fd",
    "console",
    "ptmx",
    "tty",
    "hugepages",
];

/// The rules: everything, or nothing but what the runtime allows to every container.
pub(super) fn rules(privileged: bool) -> Vec<DeviceRule> {
    vec![DeviceRule {
        allow: privileged,
        kind: Some("a".to_owned()),
        major: None,
        minor: None,
        access: Some("rwm".to_owned()),
    }]
}

/// Every device node of the host that a container does not have anyway.
pub(super) fn of_host() -> Vec<Device> {
    let mut found = Vec::new();
    collect(Path::new("/dev"), &mut found);
    found
}

fn collect(directory: &Path, found: &mut Vec<Device>) {
    // A directory that vanishes or cannot be read has no devices for the container either.
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let is_top = directory == Path::new("/dev");
        if is_top && OWN.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let kind = metadata.file_type();
        if kind.is_dir() {
            collect(&entry.path(), found);
        } else if kind.is_char_device() || kind.is_block_device() {
            found.push(Device {
                path: entry.path(),
                kind: if kind.is_block_device() { "b" } else { "c" }.to_owned(),
                major: i64::from(major(metadata.rdev())),
                minor: i64::from(minor(metadata.rdev())),
                file_mode: Some(metadata.mode() & 0o7777),
                uid: Some(metadata.uid()),
                gid: Some(metadata.gid()),
            });
        }
    }
}
