//! The flags that say what a container shall be, shared by `run` and `create`, and the request
//! that follows from them.

use std::path::PathBuf;

use engine::{
    ContainerConfig, DeviceWish, ImageMount, Namespaces, RestartPolicy, Root, Sharing, Tmpfs,
    Volume,
};
use spec::runtime::{DeviceRule, Rlimit, TimeOffset};

use super::content_trust::ContentTrust;
use super::device::DeviceFlag;
use super::docker::OnlyOneWay;
use super::health::HealthFlags;
use super::limits::{FirstLimitFlags, LimitFlags};
use super::mount::Mount;
use super::network::NetworkFlags;
use super::publish::PublishFlags;
use super::{cdi, device, environment, log, mount, namespace, number, restart, security, ulimit};
use crate::context::Context;
use crate::exit_code::Failure;

/// Docker's flags.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct ContainerFlags {
    /// Print this help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Give it a name
    #[arg(long, allow_hyphen_values = true)]
    name: Option<String>,
    /// Stay with these streams only: stdin, stdout or stderr
    #[arg(short, long, value_name = "STREAM", ignore_case = true)]
    pub(crate) attach: Vec<Stream>,
    /// Keep standard input open
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Remove it at its end
    #[arg(long)]
    pub(crate) rm: bool,
    /// Set a variable, NAME=VALUE or NAME to pass the own one on
    #[arg(short, long, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Set the variables of a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Working directory in the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<PathBuf>,
    /// User and group, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Host name in the container
    #[arg(short, long, value_name = "NAME")]
    hostname: Option<String>,
    /// Label it, NAME=VALUE
    #[arg(short, long, value_name = "LABEL")]
    label: Vec<String>,
    /// Set the labels of a file
    #[arg(long, value_name = "FILE")]
    label_file: Vec<PathBuf>,
    /// Annotate its OCI configuration, NAME=VALUE
    #[arg(long, value_name = "ANNOTATION")]
    annotation: Vec<String>,
    /// Domain name in the container
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
    /// A further line for /etc/hosts, NAME:ADDRESS or NAME:host-gateway
    #[arg(long, value_name = "NAME:ADDRESS", value_parser = host_line)]
    add_host: Vec<String>,
    /// A name server instead of the host's
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    dns: Vec<String>,
    /// A search domain instead of the host's; . for none
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// A resolver option instead of the host's
    #[arg(long, visible_alias = "dns-opt", value_name = "OPTION")]
    dns_option: Vec<String>,
    /// A further group, by name or number
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Set a kernel parameter of its namespaces, NAME=VALUE
    #[arg(long, value_name = "PARAMETER")]
    sysctl: Vec<String>,
    /// Give it a device, PATH[:TARGET][:rwm] or by its name in /etc/cdi, VENDOR/CLASS=NAME
    #[arg(long, value_name = "DEVICE", value_parser = device::device)]
    device: Vec<DeviceFlag>,
    /// Give it graphics processors of /etc/cdi: all, a number or device=ID[,ID...]
    #[arg(long, value_name = "WHICH")]
    gpus: Option<String>,
    /// Allow the use of devices, TYPE MAJOR:MINOR ACCESS
    #[arg(long, value_name = "RULE", value_parser = device::rule)]
    device_cgroup_rule: Vec<DeviceRule>,
    /// Mount the volumes of another container, CONTAINER[:ro]
    #[arg(long, value_name = "CONTAINER")]
    volumes_from: Vec<String>,
    /// Write its id to a file, which must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) cidfile: Option<PathBuf>,
    /// Replace the image's entry point
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Mount a path of the host or a volume, [SOURCE:]TARGET[:ro]
    #[arg(short, long, value_name = "VOLUME", value_parser = mount::volume)]
    volume: Vec<Volume>,
    /// Mount as said by name, type=bind|volume|tmpfs|image,source=SOURCE,target=PATH[,readonly]
    #[arg(long, value_name = "MOUNT", value_parser = mount::mount)]
    mount: Vec<Mount>,
    /// Mount an empty directory in memory, TARGET[:OPTIONS]
    #[arg(long, value_name = "TARGET", value_parser = mount::tmpfs)]
    tmpfs: Vec<Tmpfs>,
    /// Mount its root read-only
    #[arg(long)]
    read_only: bool,
    /// Use a directory as its root; changes are thrown away
    #[arg(long, value_name = "DIR", value_parser = mount::absolute)]
    pub(crate) rootfs: Option<PathBuf>,
    /// Let changes stay in the directory of --rootfs
    #[arg(long, requires = "rootfs")]
    pub(crate) rootfs_rw: bool,
    /// Limits
    #[command(flatten)]
    limits: LimitFlags,
    /// More limits
    #[command(flatten)]
    first_limits: FirstLimitFlags,
    /// Set a limit of its processes, NAME=SOFT[:HARD]
    #[arg(long, value_name = "LIMIT", value_parser = ulimit::ulimit)]
    ulimit: Vec<Rlimit>,
    /// Its rank when memory runs out, -1000 to 1000
    #[arg(long, value_name = "SCORE", allow_hyphen_values = true, value_parser = number::within(-1000..=1000))]
    oom_score_adj: Option<i32>,
    /// Networks
    #[command(flatten)]
    network: NetworkFlags,
    /// Ports
    #[command(flatten)]
    publish: PublishFlags,
    /// Process ids: private, host, container:NAME or ns:PATH
    #[arg(long, value_name = "WHOSE", value_parser = namespace::sharing)]
    pid: Option<Sharing>,
    /// Shared memory and message queues: private, host, container:NAME or ns:PATH
    #[arg(long, value_name = "WHOSE", value_parser = namespace::sharing)]
    ipc: Option<Sharing>,
    /// Host name: private, host, container:NAME or ns:PATH
    #[arg(long, value_name = "WHOSE", value_parser = namespace::sharing)]
    uts: Option<Sharing>,
    /// User ids: private, host, container:NAME or ns:PATH
    #[arg(long, value_name = "WHOSE", value_parser = namespace::sharing)]
    userns: Option<Sharing>,
    /// Cgroup root: private, host, container:NAME or ns:PATH
    #[arg(long, value_name = "WHOSE", value_parser = namespace::sharing)]
    cgroupns: Option<Sharing>,
    /// The cgroup, or with systemd the slice, below which its own is
    #[arg(long, value_name = "CGROUP")]
    cgroup_parent: Option<String>,
    /// Move a clock, monotonic|boottime=SECONDS
    #[arg(long, value_name = "OFFSET", value_parser = time_offset)]
    time_offset: Vec<(String, TimeOffset)>,
    /// All capabilities and devices, nothing hidden
    #[arg(long)]
    privileged: bool,
    /// Add a capability
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Drop a capability
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// no-new-privileges, seccomp=unconfined|FILE, apparmor=PROFILE, systempaths=unconfined,
    /// mask=PATH, unmask=ALL|PATH or label=disable
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Run a small init that reaps orphans and passes signals on
    #[arg(long)]
    init: bool,
    /// Signal of `stop`
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Seconds until `stop` kills
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, value_parser = number::whole)]
    stop_timeout: Option<i64>,
    /// When it is started again: no, always, unless-stopped or on-failure[:NUMBER]
    #[arg(long, value_name = "POLICY", default_value = "no", value_parser = restart::policy)]
    restart: RestartPolicy,
    /// Whether it is well
    #[command(flatten)]
    health: HealthFlags,
    /// Where output is kept: json-file, k8s-file, journald or none
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,
    /// max-size=BYTES and max-file=NUMBER, by default 10m and 3; tag=NAME in the journal
    #[arg(long, value_name = "OPTION")]
    log_opt: Vec<String>,
    /// What is always so
    #[command(flatten)]
    _only: OnlyOneWay,
    /// Docker's check of signatures
    #[command(flatten)]
    _trust: ContentTrust,
    /// The image, the program and its arguments; without the image when there is a --rootfs
    #[arg(value_name = "IMAGE [COMMAND [ARG...]]", trailing_var_arg = true)]
    words: Vec<String>,
}

/// A stream of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Stream {
    Stdin,
    Stdout,
    Stderr,
}

impl ContainerFlags {
    /// Whether the caller stays with a stream: with all when none was named.
    pub(crate) fn attaches(&self, stream: Stream) -> bool {
        self.attach.is_empty() || self.attach.contains(&stream)
    }

    /// The request. `attached` says that the caller's standard input ends the container's.
    pub(crate) fn config(
        mut self,
        context: &Context,
        attached: bool,
    ) -> Result<ContainerConfig, Failure> {
        let (devices, named) = self.devices()?;
        let (volumes, tmpfs, image_mounts) = mounts(
            std::mem::take(&mut self.volume),
            std::mem::take(&mut self.mount),
            std::mem::take(&mut self.tmpfs),
        );
        let publish = std::mem::take(&mut self.publish);
        let mut config = self.without_mounts_and_devices(context, attached)?;
        publish.add_to(&mut config);
        (config.volumes, config.tmpfs) = (volumes, tmpfs);
        config.image_mounts = image_mounts;
        config.devices = devices;
        cdi::inject(&mut config, &named).map_err(Failure::usage)?;
        Ok(config)
    }

    /// The nodes that are asked for, and the names of devices.
    fn devices(&mut self) -> Result<(Vec<DeviceWish>, Vec<String>), Failure> {
        let (nodes, mut named) = device::sorted(std::mem::take(&mut self.device));
        let gpus = self.gpus.as_deref().map(cdi::gpus).transpose();
        named.extend(gpus.map_err(Failure::usage)?.unwrap_or_default());
        Ok((nodes, named))
    }

    fn without_mounts_and_devices(
        self,
        context: &Context,
        attached: bool,
    ) -> Result<ContainerConfig, Failure> {
        let usage = Failure::usage;
        let stays_with_stdin = attached && self.attaches(Stream::Stdin);
        let env = environment::collect(&self.env_file, &self.env, &context.variables);
        let security = security::collect(&self.security_opt).map_err(usage)?;
        let (network, networks) = self.network.resolve().map_err(usage)?;
        let (root, command) = root(self.rootfs, self.rootfs_rw, self.words)?;
        Ok(ContainerConfig {
            name: self.name,
            root,
            command,
            entrypoint: self.entrypoint.map(entrypoint),
            env: env.map_err(usage)?,
            working_dir: self.workdir,
            user: self.user.filter(|user| !user.is_empty()),
            hostname: self.hostname.filter(|name| !name.is_empty()),
            labels: environment::labels_with_files(&self.label_file, &self.label).map_err(usage)?,
            annotations: environment::pairs("annotation", &self.annotation).map_err(usage)?,
            domainname: self.domainname,
            add_hosts: self.add_host,
            dns: self.dns,
            dns_search: self.dns_search,
            dns_options: self.dns_option,
            group_add: self.group_add,
            sysctls: environment::values("kernel parameter", &self.sysctl).map_err(usage)?,
            device_rules: self.device_cgroup_rule,
            volumes_from: self.volumes_from,
            apparmor: security.apparmor,
            shows_system_paths: security.shows_system_paths,
            masked_paths: security.masked,
            unmasked_paths: security.unmasked,
            cgroup_parent: self.cgroup_parent,
            terminal: self.tty,
            open_stdin: self.interactive,
            stdin_once: self.interactive && stays_with_stdin,
            auto_remove: self.rm,
            read_only: self.read_only,
            resources: self.limits.resources(Some(self.first_limits)),
            networks,
            namespaces: namespaces([
                self.pid,
                Some(network),
                self.ipc,
                self.uts,
                self.userns,
                self.cgroupns,
            ]),
            time_offsets: self.time_offset.into_iter().collect(),
            privileged: self.privileged,
            cap_add: self.cap_add,
            cap_drop: self.cap_drop,
            no_new_privileges: security.no_new_privileges,
            seccomp: security.seccomp,
            rlimits: self.ulimit,
            oom_score_adj: self.oom_score_adj,
            init: self.init,
            stop_signal: self.stop_signal,
            stop_timeout: self.stop_timeout,
            restart: self.restart,
            health: self.health.config().map_err(usage)?,
            log: log::driver(self.log_driver.as_deref(), &self.log_opt).map_err(usage)?,
            ..ContainerConfig::default()
        })
    }
}

/// Volumes, tmpfs and images, however they were asked for.
fn mounts(
    mut volumes: Vec<Volume>,
    mounts: Vec<Mount>,
    mut tmpfs: Vec<Tmpfs>,
) -> (Vec<Volume>, Vec<Tmpfs>, Vec<ImageMount>) {
    let mut images = Vec::new();
    for mount in mounts {
        match mount {
            Mount::Volume(volume) => volumes.push(volume),
            Mount::Tmpfs(one) => tmpfs.push(one),
            Mount::Image(image) => images.push(image),
        }
    }
    (volumes, tmpfs, images)
}

fn root(
    rootfs: Option<PathBuf>,
    writable: bool,
    mut words: Vec<String>,
) -> Result<(Root, Vec<String>), Failure> {
    if let Some(path) = rootfs {
        return Ok((Root::Directory { path, writable }, words));
    }
    if words.is_empty() {
        return Err(Failure::usage(
            "an image is needed, or --rootfs DIR\nSee 'wharf run --help'.",
        ));
    }
    let image = words.remove(0);
    Ok((Root::Image(image), words))
}

/// An empty word takes the entry point away.
fn entrypoint(program: String) -> Vec<String> {
    Some(program)
        .filter(|program| !program.is_empty())
        .into_iter()
        .collect()
}

fn namespaces(wanted: [Option<Sharing>; 6]) -> Namespaces {
    let [pid, network, ipc, uts, user, cgroup] = wanted.map(Option::unwrap_or_default);
    Namespaces {
        pid,
        network,
        ipc,
        uts,
        user,
        cgroup,
    }
}

fn host_line(text: &str) -> Result<String, String> {
    let wrong = || format!("invalid host {text:?}: expected NAME:ADDRESS or NAME:host-gateway");
    let (name, address) = text.split_once([':', '=']).ok_or_else(wrong)?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let is_address = address == "host-gateway" || address.parse::<std::net::IpAddr>().is_ok();
    match super::network::alias(name).is_ok() && is_address {
        true => Ok(format!("{name}:{address}")),
        false => Err(wrong()),
    }
}

fn address(text: &str) -> Result<String, String> {
    let address = text.parse::<std::net::IpAddr>();
    address
        .map(|address| address.to_string())
        .map_err(|_| format!("{text:?} is no address of a name server"))
}

fn time_offset(text: &str) -> Result<(String, TimeOffset), String> {
    let wrong = || format!("invalid offset {text:?}: expected monotonic|boottime=SECONDS");
    let (clock, seconds) = text.split_once('=').ok_or_else(wrong)?;
    if !["monotonic", "boottime"].contains(&clock) {
        return Err(wrong());
    }
    let secs = seconds.parse().map_err(|_| wrong())?;
    Ok((clock.to_owned(), TimeOffset { secs, nanosecs: 0 }))
}

#[cfg(test)]
mod tests;
