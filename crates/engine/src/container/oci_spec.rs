//! The OCI configuration of a container: everything that was decided, in the runtime's words. A
//! pure function of its input; Docker's defaults are written down here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runtime::capabilities::{self, Capability};
use runtime::cgroup::Manager;
use spec::runtime::{
    Capabilities, Config, Device, Hooks, IdMapping, Linux, LinuxResources, LinuxSeccomp, Mount,
    NamespaceType, Process, Rlimit, Root, User,
};

use super::config::{ContainerConfig, Seccomp};
use super::mounts::INIT;
use super::process::set;
use super::record::Record;
use super::sharing::Spaces;
use super::user::Identity;
use crate::Error;

/// What the configuration follows from.
pub(super) struct Input<'a> {
    pub(super) record: &'a Record,
    pub(super) cgroup_manager: &'a Manager,
    pub(super) hostname: &'a str,
    pub(super) spaces: Spaces,
    pub(super) identity: Identity,
    pub(super) id_maps: (Vec<IdMapping>, Vec<IdMapping>),
    pub(super) mounts: Vec<Mount>,
    pub(super) devices: Vec<Device>,
    pub(super) resources: Option<LinuxResources>,
    pub(super) rlimits: Vec<Rlimit>,
    pub(super) oom_score_adj: Option<i32>,
}

/// Paths that tell about the host or act on it, hidden as by Docker.
const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Paths that are read-only, as by Docker.
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Puts the configuration together.
pub(super) fn build(input: Input<'_>) -> Result<Config, Error> {
    let record = input.record;
    let config = &record.config;
    let hostname = input
        .spaces
        .is_own(NamespaceType::Uts)
        .then(|| input.hostname.to_owned());
    let process = Process {
        terminal: config.terminal,
        user: User {
            uid: input.identity.uid,
            gid: input.identity.gid,
            additional_gids: input.identity.groups,
            ..User::default()
        },
        args: arguments(record),
        env: environment(&record.process.env, &input.identity.home),
        cwd: record.process.cwd.clone(),
        capabilities: Some(capability_sets(config, input.identity.uid)?),
        rlimits: input.rlimits,
        no_new_privileges: config.no_new_privileges,
        apparmor_profile: config.apparmor.clone(),
        oom_score_adj: input.oom_score_adj,
        ..Process::default()
    };
    let linux = Linux {
        uid_mappings: input.id_maps.0,
        gid_mappings: input.id_maps.1,
        resources: input.resources,
        cgroups_path: Some(match input.cgroup_manager {
            Manager::Cgroupfs | Manager::Disabled => {
                cgroup_path(config.cgroup_parent.as_deref(), &record.id)
            }
            Manager::Systemd(_) => scope(config.cgroup_parent.as_deref(), &record.id),
        }),
        namespaces: input.spaces.list,
        devices: input.devices,
        seccomp: seccomp(config)?,
        masked_paths: masked(config),
        readonly_paths: shown_unless_unmasked(config, &READ_ONLY),
        time_offsets: config.time_offsets.clone(),
        sysctl: config.sysctls.clone(),
        ..Linux::default()
    };
    Ok(Config {
        oci_version: spec::VERSION.to_owned(),
        process: Some(process),
        // The mount at / takes its place.
        root: Some(Root {
            path: PathBuf::from("rootfs"),
            readonly: config.read_only,
        }),
        hostname,
        domainname: config.domainname.clone(),
        mounts: input.mounts,
        annotations: annotations(config),
        hooks: (config.hooks != Hooks::default()).then(|| config.hooks.clone()),
        linux: Some(linux),
        ..Config::default()
    })
}

/// Our own init reads its signals and must miss none.
fn annotations(config: &ContainerConfig) -> BTreeMap<String, String> {
    let blocked = (runtime::SIGNALS_BLOCKED.to_owned(), "true".to_owned());
    let mut annotations = config.annotations.clone();
    annotations.extend(config.init.then_some(blocked));
    annotations
}

/// The cgroup of a container, by its id alone, so that whoever knows the id can remove it.
pub(super) fn cgroup_path(parent: Option<&str>, id: &str) -> String {
    let parent = parent.unwrap_or_default().trim_matches('/');
    match parent.is_empty() {
        true => format!("/{CGROUP_PREFIX}{id}"),
        false => format!("/{parent}/{CGROUP_PREFIX}{id}"),
    }
}

/// The beginning of the names of all cgroups of containers.
pub(crate) const CGROUP_PREFIX: &str = "wharf-";

/// The same for systemd, in the slice where it has what no slice is named for, as Docker does.
fn scope(parent: Option<&str>, id: &str) -> String {
    format!("{}:wharf:{id}", parent.unwrap_or_default())
}

/// What is hidden: as by Docker, and what was asked for.
fn masked(config: &ContainerConfig) -> Vec<PathBuf> {
    let mut paths = shown_unless_unmasked(config, &MASKED);
    paths.extend(config.masked_paths.iter().cloned());
    paths
}

/// Those of the paths that were not asked to be left as they are.
fn shown_unless_unmasked(config: &ContainerConfig, paths: &[&str]) -> Vec<PathBuf> {
    let unmasked = &config.unmasked_paths;
    let is_all = unmasked.iter().any(|path| path == "ALL");
    if config.privileged || config.shows_system_paths || is_all {
        return Vec::new();
    }
    let kept = paths
        .iter()
        .filter(|path| !unmasked.iter().any(|asked| asked == *path));
    kept.map(PathBuf::from).collect()
}

fn arguments(record: &Record) -> Vec<String> {
    let init = [INIT, "--"].map(str::to_owned);
    let init = init.into_iter().filter(|_| record.config.init);
    init.chain(record.process.args.iter().cloned()).collect()
}

/// The environment with HOME, unless that was set to something else.
pub(super) fn environment(env: &[String], home: &str) -> Vec<String> {
    let mut env = env.to_vec();
    if !env.iter().any(|entry| entry.starts_with("HOME=")) {
        set(&mut env, &format!("HOME={home}"));
    }
    env
}

/// Which capabilities a process with this user id has: root all in the set, others none until
/// they execute a file that gives them some.
pub(super) fn capability_sets(config: &ContainerConfig, uid: u32) -> Result<Capabilities, Error> {
    let names = granted(config)?;
    let names: Vec<String> = names.iter().map(|c| c.name().to_owned()).collect();
    let of_root = if uid == 0 { names.clone() } else { Vec::new() };
    Ok(Capabilities {
        bounding: names,
        effective: of_root.clone(),
        permitted: of_root,
        ..Capabilities::default()
    })
}

fn granted(config: &ContainerConfig) -> Result<Vec<Capability>, Error> {
    if config.privileged {
        return Ok(capabilities::all());
    }
    let named = |text: &String| {
        capabilities::parse(text).ok_or_else(|| Error::Invalid {
            what: "capability",
            why: format!("{text:?}: expected ALL or a name of capabilities(7) such as NET_ADMIN"),
        })
    };
    let is_all = |text: &String| text.eq_ignore_ascii_case("all");
    let listed = |list: &[String]| {
        let names = list.iter().filter(|text| !is_all(text));
        names.map(named).collect::<Result<Vec<_>, _>>()
    };
    let (added, dropped) = (listed(&config.cap_add)?, listed(&config.cap_drop)?);
    let mut kept = match (
        config.cap_add.iter().any(is_all),
        config.cap_drop.iter().any(is_all),
    ) {
        (true, _) => capabilities::all(),
        (false, true) => Vec::new(),
        (false, false) => capabilities::default_set(),
    };
    kept.retain(|capability| !dropped.contains(capability));
    kept.extend(added);
    kept.sort_unstable();
    kept.dedup();
    Ok(kept)
}

fn seccomp(config: &ContainerConfig) -> Result<Option<LinuxSeccomp>, Error> {
    Ok(match &config.seccomp {
        Seccomp::Default if config.privileged => None,
        Seccomp::Default => Some(runtime::seccomp::default_profile(&granted(config)?)),
        Seccomp::Unconfined => None,
        Seccomp::Profile(profile) => Some((**profile).clone()),
        Seccomp::Docker(profile) => Some(profile.resolve(&granted(config)?, &kernel())),
    })
}

/// The version of the running kernel, as `6.1.0-18`.
fn kernel() -> String {
    let names = rustix::system::uname();
    names.release().to_string_lossy().into_owned()
}
