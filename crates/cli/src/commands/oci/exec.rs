//! `oci exec`: one more program in a container.

use std::path::PathBuf;

use ::spec::runtime::{Capabilities, Config, Process};
use runtime::{ExecRequest, SubCgroup};
use rustix::process::{Signal, pidfd_send_signal};

use super::create::{seal, streams, warn};
use super::descriptors::Inherited;
use super::global::Global;
use super::main::Failure;
use super::pid_file;
use super::run::check_terminal;
use crate::attach;

/// The exit code of a program that could not be run, as runc has it.
const FAILED: i32 = 255;

/// Run one more program in a container.
#[derive(Debug, clap::Parser)]
#[command(name = "exec")]
pub(super) struct Args {
    /// The container
    id: String,
    /// Unix socket that gets the terminal
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// Unix socket that gets a handle of the process
    #[arg(long, value_name = "SOCKET")]
    pidfd_socket: Option<PathBuf>,
    /// Working directory in the container
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Environment variable, NAME=VALUE
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// User and group, UID[:GID]
    #[arg(short, long, value_name = "UID[:GID]")]
    user: Option<String>,
    /// One more group
    #[arg(short = 'g', long, value_name = "GID")]
    additional_gids: Vec<u32>,
    /// File with the process to run, as in config.json
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,
    /// Do not wait for the end
    #[arg(short, long)]
    detach: bool,
    /// File to write the process id to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// One more capability
    #[arg(short, long, value_name = "CAP")]
    cap: Vec<String>,
    /// Forbid the program to gain rights by execve
    #[arg(long)]
    no_new_privs: bool,
    /// Pass on N more file descriptors
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// SELinux label of the process
    #[arg(long, value_name = "LABEL")]
    process_label: Option<String>,
    /// AppArmor profile of the process
    #[arg(long, value_name = "PROFILE")]
    apparmor: Option<String>,
    /// Go into a group below the container's cgroup, [CONTROLLER[,CONTROLLER...]:]PATH
    #[arg(long, value_name = "[CONTROLLER:]PATH", value_parser = sub_cgroup)]
    cgroup: Vec<SubCgroup>,
    /// Go into a paused container too, and wait there until it is resumed
    #[arg(long)]
    ignore_paused: bool,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub(super) fn exec(global: &Global, args: &Args) -> Result<i32, Failure> {
    run(global, args).map_err(|failure| failure.while_doing("exec failed", FAILED))
}

fn run(global: &Global, args: &Args) -> Result<i32, Failure> {
    let (record, _) = runtime::inspect(&global.root, &args.id)?;
    let config = record.configuration()?;
    seal(&config)?;
    // It may come through a descriptor of the caller's (`--process <(...)`), once.
    let process = wanted(config, args)?;
    let inherited = Inherited::without_sockets(args.preserve_fds)?;
    warn(global, &process);
    check_terminal(process.terminal, args.detach, args.console_socket.is_some())?;
    let tell = |message: &str| global.debug(message);
    let child = runtime::exec(ExecRequest {
        root: &global.root,
        id: &args.id,
        process: &process,
        stdio: streams(process.terminal, args.console_socket.is_some()),
        preserve_fds: inherited.all,
        console_socket: args.console_socket.as_deref(),
        pidfd_socket: args.pidfd_socket.as_deref(),
        cgroups: &args.cgroup,
        filters: Some(&global.filters),
        ignore_paused: args.ignore_paused,
        trace: global.trace(&tell),
    })?;
    if let Err(failure) = pid_file::write(args.pid_file.as_deref(), child.pid) {
        // Whoever cannot be told of must not live; one that has ended needs no signal.
        let _ = pidfd_send_signal(&child.pidfd, Signal::KILL);
        return Err(failure);
    }
    if args.detach {
        return Ok(0);
    }
    if process.terminal {
        return Ok(attach::wait_with_terminal(child)?);
    }
    Ok(attach::wait_passing_signals(&child)?)
}

/// `[CONTROLLER[,CONTROLLER...]:]PATH`.
fn sub_cgroup(text: &str) -> Result<SubCgroup, String> {
    let (controllers, path) = match text.split_once(':') {
        Some((controllers, path)) => (controllers.split(',').map(str::to_owned).collect(), path),
        None => (Vec::new(), text),
    };
    if controllers.iter().any(String::is_empty) {
        return Err("a controller has no name".to_owned());
    }
    Ok(SubCgroup {
        controllers,
        path: PathBuf::from(path),
    })
}

/// The process from `--process`, or the container's own with the flags applied.
fn wanted(config: Config, args: &Args) -> Result<Process, Failure> {
    if let Some(path) = &args.process {
        let wrong = |why: String| Failure::usage(format!("reading {}: {why}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        return serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()));
    }
    if args.command.is_empty() {
        return Err(Failure::usage(
            "exec needs a program to run, or --process".to_owned(),
        ));
    }
    let mut process = config.process.unwrap_or_default();
    process.args.clone_from(&args.command);
    process.env.extend(args.env.iter().cloned());
    process.terminal = args.tty;
    process.no_new_privileges |= args.no_new_privs;
    if let Some(cwd) = &args.cwd {
        process.cwd.clone_from(cwd);
    }
    if let Some(label) = &args.process_label {
        process.selinux_label = Some(label.clone());
    }
    if let Some(profile) = &args.apparmor {
        process.apparmor_profile = Some(profile.clone());
    }
    if let Some(user) = &args.user {
        let (uid, gid) = parse_user(user)?;
        process.user.uid = uid;
        process.user.gid = gid.unwrap_or(process.user.gid);
    }
    process.user.additional_gids.extend(&args.additional_gids);
    add_capabilities(&mut process, &args.cap);
    Ok(process)
}

/// A user, and a group if one is named.
fn parse_user(text: &str) -> Result<(u32, Option<u32>), Failure> {
    let number = |word: &str| {
        word.parse::<u32>()
            .map_err(|_| Failure::usage(format!("user {text:?} is not UID or UID:GID")))
    };
    match text.split_once(':') {
        Some((uid, gid)) => Ok((number(uid)?, Some(number(gid)?))),
        None => Ok((number(text)?, None)),
    }
}

/// Of the new ones, those can be ambient that are inheritable already.
fn add_capabilities(process: &mut Process, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let sets = process
        .capabilities
        .get_or_insert_with(Capabilities::default);
    for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
        set.extend(names.iter().cloned());
    }
    let inheritable = names.iter().filter(|name| sets.inheritable.contains(name));
    sets.ambient.extend(inheritable.cloned());
}
