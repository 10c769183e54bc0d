//! Everything about one container, in the shape of Docker's JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::config::{ContainerConfig, LogDriver, Sharing};
use super::limits;
use super::live::{Live, look};
use super::network_settings::{
    HostPort, NetworkSettings, network_mode, network_settings, port_bindings,
};
use super::networking::{Connection, connections};
use super::record::Record;
use super::status::Status;
use crate::{Engine, Error};

/// A container as `docker inspect` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inspection {
    id: String,
    created: String,
    path: String,
    args: Vec<String>,
    state: State,
    image: String,
    log_path: PathBuf,
    name: String,
    restart_count: u32,
    driver: &'static str,
    platform: &'static str,
    host_config: HostConfig,
    mounts: Vec<MountPoint>,
    config: Config,
    network_settings: NetworkSettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_root_fs: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: &'static str,
    running: bool,
    paused: bool,
    restarting: bool,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    dead: bool,
    pid: i32,
    exit_code: i32,
    error: String,
    started_at: String,
    finished_at: String,
    /// What Docker has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<Used>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<monitor::Health>,
}

/// What a container used in its last life: bytes, and nanoseconds of processor time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Used {
    memory_peak: Option<u64>,
    cpu_time: Option<u64>,
    block_read: Option<u64>,
    block_written: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    binds: Vec<String>,
    log_config: LogConfig,
    network_mode: String,
    port_bindings: BTreeMap<String, Vec<HostPort>>,
    publish_all_ports: bool,
    restart_policy: Restart,
    auto_remove: bool,
    cap_add: Vec<String>,
    cap_drop: Vec<String>,
    cgroupns_mode: String,
    ipc_mode: String,
    pid_mode: String,
    #[serde(rename = "UTSMode")]
    uts_mode: String,
    userns_mode: String,
    privileged: bool,
    readonly_rootfs: bool,
    init: bool,
    memory: i64,
    memory_swap: i64,
    nano_cpus: i64,
    memory_reservation: i64,
    memory_swappiness: Option<u64>,
    oom_kill_disable: bool,
    cpu_shares: u64,
    cpu_period: u64,
    cpu_quota: i64,
    cpuset_cpus: String,
    cpuset_mems: String,
    blkio_weight: u16,
    shm_size: i64,
    pids_limit: i64,
    network_rate_in: String,
    network_rate_out: String,
    oom_score_adj: i32,
    tmpfs: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Restart {
    name: &'static str,
    maximum_retry_count: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LogConfig {
    r#type: &'static str,
    config: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MountPoint {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    source: PathBuf,
    destination: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<&'static str>,
    mode: &'static str,
    #[serde(rename = "RW")]
    rw: bool,
    propagation: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    hostname: String,
    user: String,
    tty: bool,
    open_stdin: bool,
    stdin_once: bool,
    env: Vec<String>,
    cmd: Vec<String>,
    image: String,
    working_dir: PathBuf,
    entrypoint: Vec<String>,
    labels: BTreeMap<String, String>,
    stop_signal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_timeout: Option<i64>,
}

impl Engine {
    /// Everything about a container; with its size, which takes a while to count.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`].
    pub fn inspect(&self, name: &str, with_size: bool) -> Result<Inspection, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        let log_path = self.log_path(&record);
        let connections = connections(&self.paths, &record.id)?;
        let size = with_size.then(|| self.size(&record));
        Ok(Inspection {
            size_rw: size.map(|(written, _)| written),
            size_root_fs: size.map(|(_, all)| all),
            ..inspection(record, live, log_path, &connections)
        })
    }
}

fn inspection(
    record: Record,
    live: Live,
    log_path: PathBuf,
    connections: &[Connection],
) -> Inspection {
    let origin = record.origin();
    let (path, args) = match record.process.args.split_first() {
        Some((path, args)) => (path.clone(), args.to_vec()),
        None => (String::new(), Vec::new()),
    };
    let network_settings = network_settings(&record, connections);
    Inspection {
        state: state(&live),
        image: record
            .image
            .as_ref()
            .map(|image| image.id.clone())
            .unwrap_or_default(),
        log_path: match record.config.log {
            LogDriver::JsonFile(_) | LogDriver::KubernetesFile(_) => log_path,
            LogDriver::Journald { .. } | LogDriver::None => PathBuf::new(),
        },
        name: format!("/{}", record.name),
        restart_count: live.restarts,
        driver: "overlayfs",
        platform: "linux",
        host_config: host_config(&record.config),
        mounts: record.config.volumes.iter().map(mount_point).collect(),
        config: config(&record, origin),
        network_settings,
        size_rw: None,
        size_root_fs: None,
        id: record.id,
        created: record.created,
        path,
        args,
    }
}

/// What Docker says for a time that has not come.
const NEVER: &str = "0001-01-01T00:00:00Z";

fn state(live: &Live) -> State {
    let exit = live.exit.as_ref();
    State {
        status: live.status.name(),
        // For Docker a container that is paused, or about to be started again, runs.
        running: live.status.is_up(),
        paused: live.status == Status::Paused,
        restarting: live.status == Status::Restarting,
        oom_killed: exit.is_some_and(|exit| exit.oom_killed),
        dead: false,
        pid: live.pid.unwrap_or(0),
        exit_code: exit.map_or(0, |exit| exit.code),
        error: exit.and_then(|exit| exit.error.clone()).unwrap_or_default(),
        started_at: live.started_at.clone().unwrap_or_else(|| NEVER.to_owned()),
        finished_at: exit.map_or_else(|| NEVER.to_owned(), |exit| exit.finished_at.clone()),
        used: exit
            .filter(|exit| exit.started_at.is_some())
            .map(|exit| Used {
                memory_peak: exit.memory_peak,
                cpu_time: exit.cpu_time,
                block_read: exit.block_read,
                block_written: exit.block_written,
            }),
        health: live.health.clone(),
    }
}

fn host_config(config: &ContainerConfig) -> HostConfig {
    let spaces = &config.namespaces;
    let resources = &limits::with_swap(&config.resources);
    let bind = |volume: &super::Volume| {
        let mode = if volume.read_only { ":ro" } else { "" };
        format!(
            "{}:{}{mode}",
            volume
                .name
                .clone()
                .unwrap_or_else(|| volume.source.display().to_string()),
            volume.target.display()
        )
    };
    let tmpfs =
        |tmpfs: &super::Tmpfs| (tmpfs.target.display().to_string(), tmpfs.options.join(","));
    HostConfig {
        binds: config.volumes.iter().map(bind).collect(),
        log_config: LogConfig {
            r#type: config.log.name(),
            config: log_options(&config.log),
        },
        network_mode: network_mode(config),
        port_bindings: port_bindings(config),
        publish_all_ports: config.publish_all,
        restart_policy: Restart {
            name: config.restart.name(),
            maximum_retry_count: config.restart.most(),
        },
        auto_remove: config.auto_remove,
        cap_add: config.cap_add.clone(),
        cap_drop: config.cap_drop.clone(),
        cgroupns_mode: mode(&spaces.cgroup, "private"),
        ipc_mode: mode(&spaces.ipc, "private"),
        pid_mode: mode(&spaces.pid, ""),
        uts_mode: mode(&spaces.uts, ""),
        userns_mode: mode(
            &spaces.user,
            if config.privileged { "host" } else { "private" },
        ),
        privileged: config.privileged,
        readonly_rootfs: config.read_only,
        init: config.init,
        memory: resources.memory.unwrap_or(0),
        memory_swap: resources.memory_swap.unwrap_or(0),
        nano_cpus: resources.nano_cpus.unwrap_or(0),
        memory_reservation: resources.memory_reservation.unwrap_or(0),
        memory_swappiness: resources.memory_swappiness,
        oom_kill_disable: resources.oom_kill_disable,
        cpu_shares: resources.cpu_shares.unwrap_or(0),
        cpu_period: resources.cpu_period.unwrap_or(0),
        cpu_quota: resources.cpu_quota.unwrap_or(0),
        cpuset_cpus: resources.cpuset_cpus.clone().unwrap_or_default(),
        cpuset_mems: resources.cpuset_mems.clone().unwrap_or_default(),
        blkio_weight: resources.blkio_weight.unwrap_or(0),
        shm_size: resources.shm_size.unwrap_or(super::mounts::SHM_SIZE),
        pids_limit: resources.pids.unwrap_or(0),
        network_rate_in: rate(resources.network.limit_in()),
        network_rate_out: rate(resources.network.limit_out()),
        oom_score_adj: config.oom_score_adj.unwrap_or(0),
        tmpfs: config.tmpfs.iter().map(tmpfs).collect(),
    }
}

fn rate(limit: Option<network::Rate>) -> String {
    limit.map(|rate| rate.to_string()).unwrap_or_default()
}

fn log_options(log: &LogDriver) -> BTreeMap<&'static str, String> {
    let mut options = BTreeMap::new();
    if let Some(rotation) = log.rotation() {
        let size = rotation
            .max_size
            .map_or_else(|| "-1".to_owned(), |size| size.to_string());
        options.insert("max-size", size);
        options.insert("max-file", rotation.max_files.to_string());
    }
    if let LogDriver::Journald { tag: Some(tag) } = log {
        options.insert("tag", tag.clone());
    }
    options
}

pub(super) fn mode(sharing: &Sharing, default: &str) -> String {
    match sharing {
        Sharing::Default => default.to_owned(),
        Sharing::Private => "private".to_owned(),
        Sharing::Host => "host".to_owned(),
        Sharing::Container(name) => format!("container:{name}"),
        Sharing::Path(path) => format!("ns:{}", path.display()),
    }
}

fn mount_point(volume: &super::Volume) -> MountPoint {
    MountPoint {
        r#type: if volume.name.is_some() {
            "volume"
        } else {
            "bind"
        },
        name: volume.name.clone(),
        driver: volume.name.as_ref().map(|_| "local"),
        propagation: volume.propagation.clone().unwrap_or_default(),
        source: volume.source.clone(),
        destination: volume.target.clone(),
        mode: if volume.read_only { "ro" } else { "" },
        rw: !volume.read_only,
    }
}

fn config(record: &Record, image: String) -> Config {
    let process = &record.process;
    let entrypoint_len = process.entrypoint_len.min(process.args.len());
    let (entrypoint, cmd) = process.args.split_at(entrypoint_len);
    Config {
        hostname: record
            .config
            .hostname
            .clone()
            .unwrap_or_else(|| record.short_id().to_owned()),
        user: process.user.clone().unwrap_or_default(),
        tty: record.config.terminal,
        open_stdin: record.config.open_stdin,
        stdin_once: record.config.stdin_once,
        env: process.env.clone(),
        cmd: cmd.to_vec(),
        image,
        working_dir: process.cwd.clone(),
        entrypoint: entrypoint.to_vec(),
        labels: process.labels.clone(),
        stop_signal: sys::signals::signal_name(process.stop_signal),
        stop_timeout: record.config.stop_timeout,
    }
}
