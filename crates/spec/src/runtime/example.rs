//! The configuration that `spec` writes for a new bundle: what runc's users start from.

use super::{
    Capabilities, Config, DeviceRule, IdMapping, Linux, LinuxResources, Mount, Namespace,
    NamespaceType, Process, Rlimit, Root,
};

const CAPABILITIES: [&str; 3] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/proc/scsi",
];

const READONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// A shell in a container of root, its files in `rootfs`.
pub fn example() -> Config {
    Config {
        oci_version: crate::VERSION.to_owned(),
        process: Some(process()),
        root: Some(Root {
            path: "rootfs".into(),
            readonly: true,
        }),
        hostname: Some("wharf".to_owned()),
        mounts: mounts(),
        linux: Some(linux()),
        ..Config::default()
    }
}

/// The same in a user namespace in which the ordinary user `uid`:`gid` is root: without a network
/// namespace, without limits, and with the host's `/sys`, none of which such a user could set up.
pub fn example_rootless(uid: u32, gid: u32) -> Config {
    let mut config = example();
    for mount in &mut config.mounts {
        mount.options.retain(|option| option != "gid=5");
        if mount.kind.as_deref() == Some("sysfs") {
            *mount = self::mount("/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro");
        }
    }
    if let Some(linux) = &mut config.linux {
        linux
            .namespaces
            .retain(|namespace| namespace.kind != NamespaceType::Network);
        linux.namespaces.push(Namespace {
            kind: NamespaceType::User,
            path: None,
        });
        linux.uid_mappings = vec![IdMapping {
            container_id: 0,
            host_id: uid,
            size: 1,
        }];
        linux.gid_mappings = vec![IdMapping {
            container_id: 0,
            host_id: gid,
            size: 1,
        }];
        linux.resources = None;
    }
    config
}

fn process() -> Process {
    let names = || CAPABILITIES.map(str::to_owned).to_vec();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    Process {
        terminal: true,
        args: vec!["sh".to_owned()],
        env: vec![path.to_owned(), "TERM=xterm".to_owned()],
        cwd: "/".into(),
        capabilities: Some(Capabilities {
            bounding: names(),
            effective: names(),
            permitted: names(),
            ..Capabilities::default()
        }),
        rlimits: vec![Rlimit {
            kind: "RLIMIT_NOFILE".to_owned(),
            hard: 1024,
            soft: 1024,
        }],
        no_new_privileges: true,
        ..Process::default()
    }
}

fn mounts() -> Vec<Mount> {
    vec![
        mount("/proc", "proc", "proc", ""),
        mount(
            "/dev",
            "tmpfs",
            "tmpfs",
            "nosuid,strictatime,mode=755,size=65536k",
        ),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
        ),
        mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            "nosuid,noexec,nodev,mode=1777,size=65536k",
        ),
        mount("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
        mount("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            "cgroup",
            "nosuid,noexec,nodev,relatime,ro",
        ),
    ]
}

fn mount(destination: &str, kind: &str, source: &str, options: &str) -> Mount {
    Mount {
        destination: destination.into(),
        kind: Some(kind.to_owned()),
        source: Some(source.into()),
        options: options
            .split(',')
            .filter(|o| !o.is_empty())
            .map(str::to_owned)
            .collect(),
        ..Mount::default()
    }
}

fn linux() -> Linux {
    let kinds = [
        NamespaceType::Pid,
        NamespaceType::Network,
        NamespaceType::Ipc,
        NamespaceType::Uts,
        NamespaceType::Mount,
        NamespaceType::Cgroup,
    ];
    let nothing = DeviceRule {
        allow: false,
        access: Some("rwm".to_owned()),
        ..DeviceRule::default()
    };
    Linux {
        namespaces: kinds.map(|kind| Namespace { kind, path: None }).to_vec(),
        resources: Some(LinuxResources {
            devices: vec![nothing],
            ..LinuxResources::default()
        }),
        masked_paths: MASKED.map(Into::into).to_vec(),
        readonly_paths: READONLY.map(Into::into).to_vec(),
        ..Linux::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_examples_are_valid_and_read_back_as_written() {
        for config in [example(), example_rootless(1000, 1000)] {
            config.validate().unwrap();
            let text = serde_json::to_vec(&config).unwrap();
            assert_eq!(Config::parse(&text).unwrap(), config);
        }
    }

    #[test]
    fn an_ordinary_user_gets_a_map_of_one_id() {
        let linux = example_rootless(1000, 100).linux.unwrap();
        assert!(linux.makes(NamespaceType::User) && !linux.makes(NamespaceType::Network));
        assert_eq!(
            (linux.uid_mappings[0].host_id, linux.gid_mappings[0].host_id),
            (1000, 100)
        );
    }
}
