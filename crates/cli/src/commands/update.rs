//! `wharf update`: other limits for containers, also for those that run.

use engine::{RestartPolicy, Update};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::limits::LimitFlags;
use crate::flags::restart::policy;
use crate::output;
use crate::several::each;

/// Change the limits of containers
#[derive(Debug, clap::Parser)]
#[command(name = "update")]
pub(crate) struct Args {
    /// The limits
    #[command(flatten)]
    limits: LimitFlags,
    /// When they are started again: no, always, unless-stopped or on-failure[:NUMBER]
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    restart: Option<RestartPolicy>,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

/// Runs the verb.
pub(crate) fn update(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let update = Update {
        resources: args.limits.resources(None),
        restart: args.restart,
    };
    if update == Update::default() {
        return Err(Failure::usage(
            "nothing is to be changed: name a limit or a restart policy\nSee 'wharf update --help'.",
        ));
    }
    each(&args.containers, |name| {
        engine.update(name, &update)?;
        output::print(&format!("{name}\n"));
        Ok(())
    })
}
