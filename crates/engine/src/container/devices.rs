//! The devices of a container: Docker's rules for the device cgroup, and for a privileged
//! container all nodes of the host.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{major, minor};
use spec::runtime::{Device, DeviceRule};

use super::config::{ContainerConfig, DeviceWish};
use super::sharing::{self, UserSpace};
use crate::{Error, Host};

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
pub(super) fn rules(config: &ContainerConfig) -> Result<Vec<DeviceRule>, Error> {
    let mut rules = vec![DeviceRule {
        allow: config.privileged,
        kind: Some("a".to_owned()),
        major: None,
        minor: None,
        access: Some("rwm".to_owned()),
    }];
    for wish in &config.devices {
        let device = node(wish)?;
        rules.push(DeviceRule {
            allow: true,
            kind: Some(device.kind),
            major: Some(device.major),
            minor: Some(device.minor),
            access: Some(wish.access.clone()),
        });
    }
    rules.extend(config.device_rules.iter().cloned());
    Ok(rules)
}

/// The device nodes that are asked for. In a user namespace they are the host's own nodes, at
/// their own places and with their own owners.
pub(super) fn wished(config: &ContainerConfig, host: &Host) -> Result<Vec<Device>, Error> {
    let is_own = sharing::user_space(config, host)? != UserSpace::Host;
    config
        .devices
        .iter()
        .map(|wish| {
            if is_own && wish.target != wish.source {
                return Err(Error::Unsupported {
                    what: format!("the device {} at another place", wish.source.display()),
                    why: "the container has a user namespace of its own: add --userns host",
                });
            }
            node(wish)
        })
        .collect()
}

fn node(wish: &DeviceWish) -> Result<Device, Error> {
    let path = &wish.source;
    let metadata =
        std::fs::metadata(path).map_err(|error| Error::io("looking at the device", path, error))?;
    let kind = metadata.file_type();
    if !kind.is_char_device() && !kind.is_block_device() {
        return Err(Error::Invalid {
            what: "device",
            why: format!("{} is no device node", path.display()),
        });
    }
    Ok(device(&wish.target, &metadata))
}

fn device(path: &Path, metadata: &std::fs::Metadata) -> Device {
    let is_block = metadata.file_type().is_block_device();
    Device {
        path: path.to_owned(),
        kind: if is_block { "b" } else { "c" }.to_owned(),
        major: i64::from(major(metadata.rdev())),
        minor: i64::from(minor(metadata.rdev())),
        file_mode: Some(metadata.mode() & 0o7777),
        uid: Some(metadata.uid()),
        gid: Some(metadata.gid()),
    }
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
            found.push(device(&entry.path(), &metadata));
        }
    }
}
