//! `wharf port`: the published ports of a container. There are none as long as there are no
//! bridge networks.

use crate::context::Context;
use crate::exit_code::Failure;

/// List the published ports of a container
#[derive(Debug, clap::Parser)]
#[command(name = "port")]
pub(crate) struct Args {
    /// Name or id
    container: String,
    /// Only this port of the container, PORT[/PROTOCOL]
    port: Option<String>,
}

/// Runs the verb.
pub(crate) fn port(args: Args, context: &Context) -> Result<i32, Failure> {
    let record = context.engine()?.find(&args.container)?;
    match args.port {
        Some(port) => Err(Failure::usage(format!(
            "no public port {port:?} is published for {}",
            record.name
        ))),
        None => Ok(0),
    }
}
