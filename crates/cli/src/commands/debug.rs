//! `wharf debug`: a shell with the host's tools beside a container's root.

use rustix::termios::isatty;

use crate::context::Context;
use crate::detach_keys::DetachKeys;
use crate::exit_code::Failure;
use crate::foreground::{self, Wishes};

/// Open a shell with the host's tools beside a running container
///
/// It shares the container's processes, network, users, host name and message queues, and begins in
/// the container's root ($WHARF_ROOT), whatever that has in it. Its own files are a throw-away copy
/// of the image `host`.
#[derive(Debug, clap::Parser)]
#[command(name = "debug")]
pub(crate) struct Args {
    /// Name or id of the container, then a program of the host and its arguments; a shell without
    #[arg(
        value_name = "CONTAINER [COMMAND [ARG...]]",
        required = true,
        trailing_var_arg = true
    )]
    words: Vec<String>,
}

/// The best shell that the host has.
const SHELL: [&str; 3] = [
    "sh",
    "-c",
    "command -v bash >/dev/null && exec bash; exec sh",
];

/// Runs the verb.
pub(crate) fn debug(mut args: Args, context: &Context) -> Result<i32, Failure> {
    let container = args.words.remove(0);
    let mut command = args.words;
    if command.is_empty() {
        command.extend(SHELL.map(str::to_owned));
    }
    let engine = context.engine()?;
    let debugger = engine.debugger(&container, command);
    let mut config = debugger.map_err(Failure::of_run)?;
    let is_terminal = isatty(rustix::stdio::stdin()) && isatty(rustix::stdio::stdout());
    let wishes = Wishes {
        stdout: true,
        stderr: true,
        stdin: true,
        terminal: is_terminal,
        detach_keys: Some(DetachKeys::default()),
        proxy: true,
    };
    config.terminal = is_terminal;
    config.open_stdin = true;
    config.stdin_once = true;
    if let Some(term) = context.variable("TERM").filter(|_| is_terminal) {
        config.env.push(format!("TERM={term}"));
    }
    let started = engine
        .run(config, Some(wishes.streams()))
        .map_err(Failure::of_run)?;
    foreground::follow_started(&engine, started, &wishes)
}
