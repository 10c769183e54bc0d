//! `wharf explain`: what a container is made of.

mod drawing;
mod networks;
mod script;

pub(crate) use networks::{count, counted, describe};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output::{self, Format};
use crate::pager;

/// Show what a container is made of
///
/// Every namespace and who shares it, every file of its cgroup that was written, every layer and
/// mount, its networks and from where its ports can be reached, and what its program may do. With --commands, as a script of shell commands that make the
/// same.
#[derive(Debug, clap::Parser)]
#[command(name = "explain")]
pub(crate) struct Args {
    /// text, or json
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = output::text_or_json)]
    format: Format,
    /// Print the shell commands that make the same by hand
    #[arg(long, conflicts_with = "format")]
    commands: bool,
    /// Name or id
    container: String,
}

/// Runs the verb.
pub(crate) fn explain(args: Args, context: &Context) -> Result<i32, Failure> {
    let explanation = context.engine()?.explain(&args.container)?;
    let text = match (args.commands, args.format) {
        (true, _) => script::script(&explanation)?,
        (false, Format::Table) => drawing::draw(&explanation).to_string(),
        (false, Format::Json) => output::pretty(&explanation)?,
    };
    match args.commands {
        // It goes to a file, or to a shell.
        true => output::print(&text),
        false => pager::show(&text),
    }
    Ok(0)
}
