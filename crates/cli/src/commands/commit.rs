//! `wharf commit`: make an image of what a container wrote.

use engine::CommitRequest;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;

/// Make an image of a container's image and what the container wrote
#[derive(Debug, clap::Parser)]
#[command(name = "commit")]
pub(crate) struct Args {
    /// Who made it
    #[arg(short, long, value_name = "NAME")]
    author: Option<String>,
    /// Change its configuration, as an instruction of a Dockerfile
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Say what it is
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Let the container stand still meanwhile
    #[arg(short, long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pause: bool,
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// Its name
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

/// Runs the verb.
pub(crate) fn commit(args: Args, context: &Context) -> Result<i32, Failure> {
    let request = CommitRequest {
        container: args.container,
        name: args.name,
        author: args.author,
        message: args.message,
        changes: args.change,
        pause: args.pause,
        epoch: context.epoch()?,
    };
    let id = context.engine()?.commit(&request)?;
    output::print(&format!("{id}\n"));
    Ok(0)
}
