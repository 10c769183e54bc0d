//! `wharf start`: run containers that do not run.

use engine::Engine;

use crate::context::Context;
use crate::detach_keys::DetachKeys;
use crate::exit_code::Failure;
use crate::foreground::{self, Wishes};
use crate::output;
use crate::several::each;

/// Start containers
#[derive(Debug, clap::Parser)]
#[command(name = "start")]
pub(crate) struct Args {
    /// Stay with it, and end with its exit code
    #[arg(short, long)]
    attach: bool,
    /// Forward standard input
    #[arg(short, long)]
    interactive: bool,
    /// Keys that leave it running; none when empty
    #[arg(long, value_name = "KEYS", value_parser = foreground::detach_keys)]
    detach_keys: Option<Option<DetachKeys>>,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn start(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    if !args.attach && !args.interactive {
        return each(&args.containers, |name| {
            if let Some(started) = engine.start(name, None)? {
                warn(&started.warnings);
            }
            output::print(&format!("{name}\n"));
            Ok(())
        });
    }
    match args.containers.as_slice() {
        [name] => start_attached(&engine, name, &args),
        _ => Err(Failure::usage("only one container can be attached to")),
    }
}

fn start_attached(engine: &Engine, name: &str, args: &Args) -> Result<i32, Failure> {
    let record = engine.find(name)?;
    let wishes = Wishes {
        stdout: true,
        stderr: true,
        stdin: args.interactive && record.config.open_stdin,
        terminal: record.config.terminal,
        detach_keys: args
            .detach_keys
            .clone()
            .unwrap_or_else(|| Some(DetachKeys::default())),
        proxy: true,
    };
    wishes.check()?;
    match engine
        .start(&record.id, Some(wishes.streams()))
        .map_err(Failure::of_run)?
    {
        Some(started) => {
            warn(&started.warnings);
            foreground::follow_started(engine, started, &wishes)
        }
        None => super::attach::follow_running(engine, &record, &wishes),
    }
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        output::warning(warning);
    }
}
