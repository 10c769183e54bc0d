//! `wharf image …`: verbs of images alone; the others under their longer names.

mod du;
mod from_host;
mod inspect;
mod layers;
mod mount;
pub(super) mod prune;
mod referrers;
mod verify;
mod which;

use clap::CommandFactory;

use super::{history, images, import, load, pull, push, rmi, save, tag};
use crate::context::Context;
use crate::dispatch::with;
use crate::exit_code::Failure;
use crate::output;

/// Make, bring, look into and remove images
#[derive(Debug, clap::Parser)]
#[command(name = "image", subcommand_required = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show what takes room in an image, and what is wasted
    Du(du::Args),
    /// Make an image from programs of the host and the libraries they need
    FromHost(from_host::Args),
    /// Show how an image came about
    History(history::Args),
    /// Make an image of an archive or a directory
    Import(import::Args),
    /// Show everything about images
    Inspect(inspect::Args),
    /// Show what each layer adds, changes, deletes and hides
    Layers(layers::Args),
    /// Take images from an archive
    Load(load::Args),
    /// List images
    #[command(visible_alias = "list")]
    Ls(images::Args),
    /// Run a program that sees an image as a directory
    Mount(mount::Args),
    /// Remove what nobody uses
    Prune(prune::Args),
    /// Bring an image from a registry
    Pull(pull::Args),
    /// Send an image to a registry
    Push(push::Args),
    /// List the artifacts in a registry that are about an image
    Referrers(referrers::Args),
    /// Remove images
    Rm(rmi::Args),
    /// Write images to an archive
    Save(save::Args),
    /// Give an image a further name
    Tag(tag::Args),
    /// Compare an image with its digests
    Verify(verify::Args),
    /// Show which layer brings a file
    Which(which::Args),
}

/// Runs the verb in the first word.
pub(crate) fn image(words: &[String], context: &Context) -> Result<i32, Failure> {
    let (verb, rest) = words
        .split_first()
        .map_or(("", words), |(verb, rest)| (verb.as_str(), rest));
    let name = format!("image {verb}");
    match verb {
        "du" => with(&name, rest, |args| du::du(&args, context)),
        "from-host" => with(&name, rest, |args| from_host::from_host(&args, context)),
        "history" => with(&name, rest, |args| history::history(&args, context)),
        "import" => with(&name, rest, |args| import::import(args, context)),
        "inspect" => with(&name, rest, |args| inspect::inspect(&args, context)),
        "layers" => with(&name, rest, |args| layers::layers(&args, context)),
        "load" => with(&name, rest, |args| load::load(&args, context)),
        "ls" | "list" => with("image ls", rest, |args| images::images(args, context)),
        "mount" => with(&name, rest, |args| mount::mount(&args, context)),
        "prune" => with(&name, rest, |args| prune::prune(&args, context)),
        "pull" => with(&name, rest, |args| pull::pull(args, context)),
        "push" => with(&name, rest, |args| push::push(args, context)),
        "referrers" => with(&name, rest, |args| referrers::referrers(&args, context)),
        "rm" => with(&name, rest, |args| rmi::rmi(args, context)),
        "save" => with(&name, rest, |args| save::save(&args, context)),
        "tag" => with(&name, rest, |args| tag::tag(&args, context)),
        "verify" => with(&name, rest, |args| verify::verify(&args, context)),
        "which" => with(&name, rest, |args| which::which(&args, context)),
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
