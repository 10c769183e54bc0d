//! `wharf rm`: remove containers.

use engine::{Kind, Sweep};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;
use crate::several::each;

/// Remove containers
#[derive(Debug, clap::Parser)]
#[command(name = "rm")]
pub(crate) struct Args {
    /// Kill them first; one that does not exist is no error
    #[arg(short, long)]
    force: bool,
    /// The volumes that were made for them alone too
    #[arg(short, long)]
    volumes: bool,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn rm(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    engine.sweep(Sweep::All);
    each(&args.containers, |name| {
        match engine.remove(name, args.force, args.volumes) {
            Ok(_) => output::print(&format!("{name}\n")),
            Err(error) if args.force && error.kind() == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    })
}
