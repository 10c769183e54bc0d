//! `wharf pause` and `wharf unpause`.

use engine::{Engine, Record};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;
use crate::several::each;

/// Let containers' processes stand still, or go on
#[derive(Debug, clap::Parser)]
#[command(name = "pause")]
pub(crate) struct Args {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs `pause`.
pub(crate) fn pause(args: Args, context: &Context) -> Result<i32, Failure> {
    on_each(&args, context, Engine::pause)
}

/// Runs `unpause`.
pub(crate) fn unpause(args: Args, context: &Context) -> Result<i32, Failure> {
    on_each(&args, context, Engine::unpause)
}

fn on_each(
    args: &Args,
    context: &Context,
    act: impl Fn(&Engine, &str) -> Result<Record, engine::Error>,
) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.containers, |name| {
        act(&engine, name)?;
        output::print(&format!("{name}\n"));
        Ok(())
    })
}
