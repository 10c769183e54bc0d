//! `oci create`: a container that waits for `start`.

use std::path::{Path, PathBuf};

use runtime::{Created, Request, Stdio};

use ::spec::runtime::{Config, NamespaceType, Process};

use super::global::Global;
use super::main::Failure;
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
    /// Unix socket that gets the container's terminal
    #[arg(long, value_name = "SOCKET")]
    pub(super) console_socket: Option<PathBuf>,
    /// File to write the process id to
    #[arg(long, value_name = "FILE")]
    pub(super) pid_file: Option<PathBuf>,
    /// Change the root by chroot instead of pivot_root
    #[arg(long)]
    pub(super) no_pivot: bool,
    /// Keep the session keyring of the caller (wharf makes no new one)
    #[arg(long)]
    pub(super) no_new_keyring: bool,
    /// Pass on N more file descriptors
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) preserve_fds: u32,
}

pub(super) fn create(global: &Global, args: &Args) -> Result<i32, Failure> {
    let request = request(global, args, Stdio::Inherit, true);
    let terminal = wants_terminal(global, &args.bundle)?;
    let stdio = if terminal {
        Stdio::Terminal
    } else {
        Stdio::Inherit
    };
    let created = runtime::create(Request { stdio, ..request })?;
    if let Err(failure) = write_pid_file(args, &created) {
        created.leave();
        runtime::delete(&global.root, &args.id, true)?;
        return Err(failure);
    }
    created.leave();
    Ok(0)
}

pub(super) fn request<'a>(
    global: &'a Global,
    args: &'a Args,
    stdio: Stdio,
    start_later: bool,
) -> Request<'a> {
    Request {
        root: &global.root,
        id: &args.id,
        bundle: &args.bundle,
        stdio,
        adopt: false,
        dies_with_parent: false,
        start_later,
        no_pivot: args.no_pivot,
        preserve_fds: args.preserve_fds,
        console_socket: args.console_socket.as_deref(),
    }
}

/// Whether the bundle asks for a terminal. If its container could write to this program, only a
/// sealed copy of it goes on.
pub(super) fn wants_terminal(global: &Global, bundle: &Path) -> Result<bool, Failure> {
    let config = runtime::load(&bundle.join("config.json"))?;
    seal(&config)?;
    Ok(config.process.is_some_and(|process| {
        warn(global, &process);
        process.terminal
    }))
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

pub(super) fn write_pid_file(args: &Args, created: &Created) -> Result<(), Failure> {
    let Some(path) = &args.pid_file else {
        return Ok(());
    };
    let pid = created.pid().as_raw_pid().to_string();
    store::atomic_write(path, pid.as_bytes(), store::Durability::Boot)
        .map_err(|error| Failure::usage(crate::error_text::sentence(&error)))
}
