//! `oci exec`: one more program in a container.

use std::path::PathBuf;

use ::spec::runtime::{Capabilities, Config, Process, User};
use runtime::{ExecRequest, Stdio};

use super::create::{seal, warn};
use super::global::Global;
use super::main::Failure;
use crate::attach;

/// Run one more program in a container.
#[derive(Debug, clap::Parser)]
#[command(name = "exec")]
pub(super) struct Args {
    /// The container
    id: String,
    /// Unix socket that gets the terminal
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
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
    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub(super) fn exec(global: &Global, args: Args) -> Result<i32, Failure> {
    let (record, _) = runtime::inspect(&global.root, &args.id)?;
    let config = runtime::load(&record.bundle.join("config.json"))?;
    seal(&config)?;
    let process = wanted(config, &args)?;
    warn(global, &process);
    let relayed = process.terminal && args.console_socket.is_none();
    if relayed && args.detach {
        let message = "cannot allocate tty if detached without --console-socket".to_owned();
        return Err(Failure::usage(message));
    }
    let child = runtime::exec(ExecRequest {
        root: &global.root,
        id: &args.id,
        process: &process,
        stdio: if process.terminal {
            Stdio::Terminal
        } else {
            Stdio::Inherit
        },
        preserve_fds: args.preserve_fds,
        console_socket: args.console_socket.as_deref(),
    })?;
    if let Some(path) = &args.pid_file {
        let pid = child.pid.as_raw_pid().to_string();
        store::atomic_write(path, pid.as_bytes(), store::Durability::Boot)
            .map_err(|error| Failure::usage(crate::error_text::sentence(&error)))?;
    }
    if args.detach {
        return Ok(0);
    }
    if relayed {
        return Ok(attach::wait_with_terminal(child)?);
    }
    Ok(attach::wait_passing_signals(&child)?)
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
    if let Some(user) = &args.user {
        process.user = User {
            umask: process.user.umask,
            ..parse_user(user)?
        };
    }
    process.user.additional_gids.extend(&args.additional_gids);
    add_capabilities(&mut process, &args.cap);
    Ok(process)
}

fn parse_user(text: &str) -> Result<User, Failure> {
    let number = |word: &str| {
        word.parse::<u32>()
            .map_err(|_| Failure::usage(format!("user {text:?} is not UID or UID:GID")))
    };
    let (uid, gid) = text.split_once(':').unwrap_or((text, "0"));
    Ok(User {
        uid: number(uid)?,
        gid: number(gid)?,
        ..User::default()
    })
}

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
}
