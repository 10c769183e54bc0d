//! `oci run`: create and start in one, and wait for the end.

use runtime::{Request, Stdio};

use super::create::{self, request, wants_terminal, write_pid_file};
use super::global::Global;
use super::main::Failure;
use crate::{attach, error_text};

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
}

pub(super) fn run(global: &Global, args: &Args) -> Result<i32, Failure> {
    let terminal = wants_terminal(global, &args.create.bundle)?;
    if terminal && args.detach && args.create.console_socket.is_none() {
        let message = "cannot allocate tty if detached without --console-socket".to_owned();
        return Err(Failure::usage(message));
    }
    let stdio = if terminal {
        Stdio::Terminal
    } else {
        Stdio::Inherit
    };
    let relayed = terminal && args.create.console_socket.is_none();
    let created = runtime::create(Request {
        ..request(global, &args.create, stdio, false)
    })?;
    if let Err(failure) = write_pid_file(&args.create, &created) {
        drop(created);
        runtime::delete(&global.root, &args.create.id, true)?;
        return Err(failure);
    }
    let process = created.start()?;
    if args.detach {
        return Ok(0);
    }
    let code = if relayed {
        attach::wait_with_terminal(process)
    } else {
        attach::wait_passing_signals(&process)
    }
    .map_err(Failure::from)?;
    if !args.keep {
        for failed_hook in runtime::delete(&global.root, &args.create.id, true)? {
            global.warn(&error_text::sentence(&failed_hook));
        }
    }
    Ok(code)
}
