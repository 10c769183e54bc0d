//! `wharf attach`: connect to a running container's streams.

use engine::{Engine, Record};

use crate::attach::Outcome;
use crate::context::Context;
use crate::detach_keys::DetachKeys;
use crate::exit_code::Failure;
use crate::foreground::{self, Wishes};

/// Connect to a running container
#[derive(Debug, clap::Parser)]
#[command(name = "attach")]
pub(crate) struct Args {
    /// Do not forward standard input
    #[arg(long)]
    no_stdin: bool,
    /// Keys that leave it running; none when empty
    #[arg(long, value_name = "KEYS", value_parser = foreground::detach_keys)]
    detach_keys: Option<Option<DetachKeys>>,
    /// Pass signals on
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sig_proxy: bool,
    /// Name or id
    container: String,
}

/// Runs the verb.
pub(crate) fn attach(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let record = engine.find(&args.container)?;
    let wishes = Wishes {
        stdout: true,
        stderr: true,
        stdin: !args.no_stdin && record.config.open_stdin,
        terminal: record.config.terminal,
        detach_keys: args
            .detach_keys
            .unwrap_or_else(|| Some(DetachKeys::default())),
        proxy: args.sig_proxy,
    };
    wishes.check()?;
    follow_running(&engine, &record, &wishes)
}

/// Attaches to a container that runs and stays until it ends or the user leaves.
pub(super) fn follow_running(
    engine: &Engine,
    record: &Record,
    wishes: &Wishes,
) -> Result<i32, Failure> {
    let socket = engine.attach(&record.id, wishes.streams())?;
    match foreground::follow(engine, socket, &record.id, wishes)? {
        Outcome::Exited(code) => Ok(code),
        Outcome::Detached => Ok(0),
        Outcome::Interrupted(signal) => Ok(128 + signal),
    }
}
