//! `wharf system …`: what takes room, whether it is whole, and what runs after a boot.

mod check;
mod df;
mod prune;
mod start;

use clap::CommandFactory;

use super::{events, info};
use crate::context::Context;
use crate::dispatch::with;
use crate::exit_code::Failure;
use crate::output;

/// Show what takes room, check the store of images, start what should run
#[derive(Debug, clap::Parser)]
#[command(name = "system", subcommand_required = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Check whether everything that wharf made is whole and belongs to something
    Check(check::Args),
    /// Show what takes room on the disk
    Df(df::Args),
    /// Remove everything that nobody uses
    Prune(prune::Args),
    /// Show what happens, as it happens
    Events(events::Args),
    /// Show what this machine can do
    Info(info::Args),
    /// Start the containers whose restart policy asks for it, as after a boot
    Start(start::Args),
}

/// Runs the verb in the first word.
pub(crate) fn system(words: &[String], context: &Context) -> Result<i32, Failure> {
    let (verb, rest) = words
        .split_first()
        .map_or(("", words), |(verb, rest)| (verb.as_str(), rest));
    match verb {
        "check" => with("system check", rest, |args| check::check(&args, context)),
        "start" => with("system start", rest, |args| start::start(&args, context)),
        "prune" => with("system prune", rest, |args| prune::prune(&args, context)),
        "events" => with("system events", rest, |args| events::events(&args, context)),
        "info" => with("system info", rest, |args| info::info(args, context)),
        "df" => with("system df", rest, |args| df::df(&args, context)),
        "" | "--help" | "-h" => {
            let mut command = Args::command().bin_name("wharf system");
            output::print(&command.render_help().to_string());
            Ok(0)
        }
        other => Err(Failure::usage(format!(
            "unknown command: system {other}\nSee 'wharf system --help'."
        ))),
    }
}
