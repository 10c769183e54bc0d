//! `features`: what this runtime can do, from the tables that do it.
//!
//! Source: runtime-spec, features.md.

use spec::features::{Enabled, Features, IntelRdt, MountExtensions};

use crate::capabilities;
use crate::rootfs::options;
use crate::scheduling;
use crate::seccomp;

/// The features document.
pub fn features() -> Features {
    Features {
        oci_version_min: "1.0.0".to_owned(),
        oci_version_max: spec::VERSION.to_owned(),
        hooks: Some(HOOKS.map(str::to_owned).to_vec()),
        mount_options: Some(options::known()),
        linux: Some(spec::features::Linux {
            namespaces: Some(NAMESPACES.map(str::to_owned).to_vec()),
            capabilities: Some(capabilities::names()),
            cgroup: Some(spec::features::Cgroup {
                v1: Some(true),
                v2: Some(true),
                systemd: Some(true),
                systemd_user: Some(true),
                rdma: Some(true),
            }),
            seccomp: Some(seccomp::features()),
            apparmor: enabled(true),
            selinux: enabled(true),
            mount_extensions: Some(MountExtensions {
                idmap: enabled(true),
            }),
            net_devices: enabled(true),
            intel_rdt: Some(IntelRdt {
                enabled: Some(true),
                schemata: Some(true),
                monitoring: Some(true),
            }),
            memory_policy: Some(scheduling::memory_features()),
        }),
        ..Features::default()
    }
}

fn enabled(enabled: bool) -> Option<Enabled> {
    Some(Enabled {
        enabled: Some(enabled),
    })
}

const HOOKS: [&str; 6] = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
];

const NAMESPACES: [&str; 8] = [
    "cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts",
];
