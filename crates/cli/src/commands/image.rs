//! `wharf image …`: make an image from the host's files; the other verbs under their longer names.

use std::path::PathBuf;

use clap::CommandFactory;

use super::{images, pull, rmi};
use crate::context::Context;
use crate::dispatch::with;
use crate::exit_code::Failure;
use crate::output;

/// Make, list and remove images
#[derive(Debug, clap::Parser)]
#[command(name = "image", subcommand_required = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make an image from programs of the host and the libraries they need
    FromHost(FromHost),
    /// List images
    #[command(visible_alias = "list")]
    Ls(images::Args),
    /// Bring an image from a registry
    Pull(pull::Args),
    /// Remove images
    Rm(rmi::Args),
}

/// Make an image from programs of the host and the libraries they need
#[derive(Debug, clap::Parser)]
#[command(name = "from-host")]
struct FromHost {
    /// Its name
    #[arg(short, long, value_name = "NAME[:TAG]")]
    tag: String,
    /// Add a file or directory as it is
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// Programs; the first one is what the image runs
    #[arg(value_name = "PROGRAM", required = true)]
    programs: Vec<PathBuf>,
}

/// Runs the verb in the first word.
pub(crate) fn image(words: &[String], context: &Context) -> Result<i32, Failure> {
    let (verb, rest) = words
        .split_first()
        .map_or(("", words), |(verb, rest)| (verb.as_str(), rest));
    match verb {
        "from-host" => with("image from-host", rest, |args| from_host(&args, context)),
        "ls" | "list" => with("image ls", rest, |args| images::images(args, context)),
        "pull" => with("image pull", rest, |args| pull::pull(args, context)),
        "rm" => with("image rm", rest, |args| rmi::rmi(args, context)),
        "" | "--help" | "-h" => {
            let mut command = Args::command().bin_name("wharf image");
            output::print(&command.render_help().to_string());
            Ok(0)
        }
        other => Err(Failure::usage(format!(
            "unknown command: image {other}\nSee 'wharf image --help'."
        ))),
    }
}

fn from_host(args: &FromHost, context: &Context) -> Result<i32, Failure> {
    let epoch = context
        .variable("SOURCE_DATE_EPOCH")
        .map(str::parse)
        .transpose();
    let epoch =
        epoch.map_err(|_| Failure::usage("SOURCE_DATE_EPOCH is not a number of seconds"))?;
    let id = context
        .engine()?
        .image_from_host(&args.programs, &args.with, &args.tag, epoch)?;
    output::print(&format!("{id}\n"));
    Ok(0)
}
