//! `oci restore`: a container as CRIU wrote it down.

use runtime::CriuOptions;

use super::checkpoint::Common;
use super::create::{self, request};
use super::descriptors::Inherited;
use super::global::Global;
use super::main::Failure;
use super::pid_file;
use super::run::{check_terminal, follow};

/// Make a container from what checkpoint wrote down, and wait for its end.
#[derive(Debug, clap::Parser)]
#[command(name = "restore")]
pub(super) struct Args {
    #[command(flatten)]
    create: create::Args,
    #[command(flatten)]
    common: Common,
    /// Do not wait for the end
    #[arg(short, long)]
    detach: bool,
    /// Profile of a security module, TYPE:NAME
    #[arg(long, value_name = "TYPE:NAME")]
    lsm_profile: Option<String>,
    /// Label that mounts get
    #[arg(long, value_name = "LABEL")]
    lsm_mount_context: Option<String>,
    /// Taken for runc's callers: wharf never is the parent of orphans
    #[arg(long, hide = true)]
    no_subreaper: bool,
}

pub(super) fn restore(global: &Global, args: &Args) -> Result<i32, Failure> {
    let inherited = Inherited::with_sockets(args.create.preserve_fds)?;
    let config = create::load(global, &args.create)?;
    let tell = |message: &str| global.debug(message);
    let creation = request(global, &args.create, inherited, config, &tell);
    let terminal = creation.stdio.is_terminal();
    check_terminal(terminal, args.detach, args.create.console_socket.is_some())?;
    let options = CriuOptions {
        lsm_profile: args.lsm_profile.clone(),
        lsm_mount_context: args.lsm_mount_context.clone(),
        ..args.common.options()
    };
    let process = runtime::restore(&creation, &options)?;
    if let Err(failure) = pid_file::write(args.create.pid_file.as_deref(), process.pid) {
        super::delete::remove(global, &args.create.id, true)?;
        return Err(failure);
    }
    if args.detach {
        return Ok(0);
    }
    follow(global, &args.create.id, process, terminal, false)
}
