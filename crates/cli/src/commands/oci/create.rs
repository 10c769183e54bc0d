//! `oci create`: a container that waits for `start`.

use std::path::PathBuf;

use runtime::{Created, Request, Stdio};

use ::spec::runtime::{Config, NamespaceType, Process};

use super::descriptors::Inherited;
use super::global::Global;
use super::main::Failure;
use super::pid_file;
use crate::sealed;

/// Create a container from a bundle; its program waits for `start`.
#[derive(Debug, clap::Parser)]
#[command(name = "create")]
#[group(skip)]
pub(super) struct Args {
    /// A name for the container, unique on this machine
    pub(super) id: String,
    /// The directory with config.json
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(super) bundle: PathBuf,
    /// Another file than the bundle's config.json
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Unix socket that gets the container's terminal
    #[arg(long, value_name = "SOCKET")]
    pub(super) console_socket: Option<PathBuf>,
    /// Unix socket that gets a handle of the container's first process
    #[arg(long, value_name = "SOCKET")]
    pub(super) pidfd_socket: Option<PathBuf>,
    /// File to write the process id to
    #[arg(long, value_name = "FILE")]
    pub(super) pid_file: Option<PathBuf>,
    /// Change the root by chroot instead of pivot_root
    #[arg(long)]
    pub(super) no_pivot: bool,
    /// Keep the session keyring of the caller
    #[arg(long)]
    pub(super) no_new_keyring: bool,
    /// Pass on N more file descriptors
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) preserve_fds: u32,
}

pub(super) fn create(global: &Global, args: &Args) -> Result<i32, Failure> {
    let inherited = Inherited::with_sockets(args.preserve_fds)?;
    let config = load(global, args)?;
    let tell = |message: &str| global.debug(message);
    let request = request(global, args, inherited, config, &tell);
    let created = runtime::create(Request {
        start_later: true,
        ..request
    })?;
    if let Err(failure) = write_pid_file(args, &created) {
        created.leave();
        runtime::delete(&global.root, &args.id, true)?;
        return Err(failure);
    }
    created.leave();
    Ok(0)
}

/// A request whose container is started by the caller.
pub(super) fn request<'a>(
    global: &'a Global,
    args: &'a Args,
    inherited: Inherited,
    config: Config,
    tell: &'a dyn Fn(&str),
) -> Request<'a> {
    let terminal = config.process.as_ref().is_some_and(|p| p.terminal);
    Request {
        root: &global.root,
        id: &args.id,
        bundle: &args.bundle,
        config,
        config_path: args.config.as_deref(),
        stdio: streams(terminal, args.console_socket.is_some()),
        adopt: false,
        dies_with_parent: false,
        start_later: false,
        no_pivot: args.no_pivot,
        no_new_keyring: args.no_new_keyring,
        preserve_fds: inherited.all,
        listen_fds: inherited.listen,
        notify: super::notify::manager().is_some(),
        console_socket: args.console_socket.as_deref(),
        pidfd_socket: args.pidfd_socket.as_deref(),
        cgroup_manager: &global.cgroup_manager,
        filters: Some(&global.filters),
        furnisher: None,
        trace: global.trace(tell),
    }
}

/// The bundle's configuration. If its container could write to this program, only a sealed copy of
/// it goes on.
pub(super) fn load(global: &Global, args: &Args) -> Result<Config, Failure> {
    let config = match &args.config {
        Some(path) => runtime::load(path)?,
        None => runtime::load(&args.bundle.join("config.json"))?,
    };
    seal(&config)?;
    if let Some(process) = &config.process {
        warn(global, process);
    }
    Ok(config)
}

/// A terminal's master goes to the listener on a socket, or is carried by us.
pub(super) fn streams(terminal: bool, has_socket: bool) -> Stdio {
    match (terminal, has_socket) {
        (false, _) => Stdio::Inherit,
        (true, false) => Stdio::RelayedTerminal,
        (true, true) => Stdio::Terminal,
    }
}

/// Tells what a process asks for and cannot get.
pub(super) fn warn(global: &Global, process: &Process) {
    for message in runtime::capabilities::warnings(process) {
        global.warn(&message);
    }
}

/// Without a user namespace that keeps it from the host's files, a container is entered by a sealed
/// copy of this program only.
pub(super) fn seal(config: &Config) -> Result<(), Failure> {
    let is_root = rustix::process::geteuid().is_root();
    let maps_ids = config
        .linux
        .as_ref()
        .is_some_and(|linux| linux.makes(NamespaceType::User));
    match is_root && maps_ids {
        true => Ok(()),
        false => Ok(sealed::run_sealed()?),
    }
}

pub(super) fn write_pid_file(args: &Args, created: &Created<'_>) -> Result<(), Failure> {
    pid_file::write(args.pid_file.as_deref(), created.pid())
}
