//! `oci run`: create and start in one, and wait for the end.

use std::os::fd::AsFd;

use runtime::Process;

use super::create::{self, load, request, write_pid_file};
use super::delete::remove;
use super::descriptors::Inherited;
use super::global::Global;
use super::main::Failure;
use super::notify;
use crate::attach;

/// Create and start a container, and wait for its end.
#[derive(Debug, clap::Parser)]
#[command(name = "run")]
pub(super) struct Args {
    #[command(flatten)]
    create: create::Args,
    /// Do not wait for the end
    #[arg(short, long)]
    detach: bool,
    /// Leave the state of the ended container for `delete`
    #[arg(long)]
    keep: bool,
    /// Taken for runc's callers: wharf never is the parent of orphans
    #[arg(long, hide = true)]
    no_subreaper: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<i32, Failure> {
    let inherited = Inherited::with_sockets(args.create.preserve_fds)?;
    let config = load(global, &args.create)?;
    let tell = |message: &str| global.debug(message);
    let request = request(global, &args.create, inherited, config, &tell);
    let terminal = request.stdio.is_terminal();
    check_terminal(terminal, args.detach, args.create.console_socket.is_some())?;
    let created = runtime::create(request)?;
    let told = write_pid_file(&args.create, &created);
    let notify = match told.and_then(|()| notify::open(global, &args.create.id)) {
        Ok(notify) => notify,
        Err(failure) => {
            drop(created);
            runtime::delete(&global.root, &args.create.id, true)?;
            return Err(failure);
        }
    };
    let process = created.start()?;
    if args.detach {
        if let Some(notify) = notify {
            notify.pass_on(process.pid.as_raw_pid(), process.pidfd.as_fd())?;
        }
        return Ok(0);
    }
    let _passing = notify.map(|notify| notify::in_background(global, notify, &process));
    follow(global, &args.create.id, process, terminal, args.keep)
}

/// Waits for the end of a container that we started, and removes it unless it is to be kept.
pub(super) fn follow(
    global: &Global,
    id: &str,
    process: Process,
    terminal: bool,
    keep: bool,
) -> Result<i32, Failure> {
    let code = if terminal {
        attach::wait_with_terminal(process)
    } else {
        attach::wait_passing_signals(&process)
    }
    .map_err(Failure::from)?;
    if !keep {
        remove(global, id, true)?;
    }
    Ok(code)
}

/// A terminal is carried by us as long as we stay, and by whoever listens on the socket if we go.
pub(super) fn check_terminal(terminal: bool, detach: bool, socket: bool) -> Result<(), Failure> {
    let message = match (terminal && detach, socket) {
        (true, false) => "cannot allocate tty if runc will detach without setting console socket",
        (false, true) => "cannot use console socket if runc will not detach or allocate tty",
        _ => return Ok(()),
    };
    Err(Failure::usage(message.replace("runc", "wharf")))
}
