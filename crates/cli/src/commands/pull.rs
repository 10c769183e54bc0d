//! `wharf pull`: bring images from registries and other places.

use engine::{Engine, PullRequest};
use image::registry::Settings;
use image::{Tools, Wanted};
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::content_trust::ContentTrust;
use crate::flags::pull::PullFlags;
use crate::flags::registry::RegistryFlags;
use crate::output::{self, Format};
use crate::progress::{self, Wish};
use crate::threads::Threads;

/// Bring an image from a registry
#[derive(Debug, clap::Parser)]
#[command(name = "pull")]
pub(crate) struct Args {
    /// Print the image's name only
    #[arg(short, long)]
    quiet: bool,
    /// Take all tags that the repository has
    #[arg(short, long)]
    all_tags: bool,
    #[command(flatten)]
    trust: ContentTrust,
    /// Take the images for all platforms
    #[arg(long, conflicts_with = "platform")]
    all_platforms: bool,
    /// Which one, and how large
    #[command(flatten)]
    pull: PullFlags,
    /// How registries are reached
    #[command(flatten)]
    registry: RegistryFlags,
    /// text or json, an object a line
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = crate::output::text_or_json)]
    format: Format,
    /// Its name, as tiny, quay.io/x/y:1.0 or h:5000/x@sha256:…
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// Runs the verb.
pub(crate) fn pull(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let settings = args.registry.settings(context);
    let names = match args.all_tags {
        true => engine.tags_there(&args.image, &settings)?,
        false => vec![args.image.clone()],
    };
    for name in names {
        one(name, &args, &engine, &settings)?;
    }
    Ok(0)
}

fn one(image: String, args: &Args, engine: &Engine, settings: &Settings) -> Result<(), Failure> {
    let show = progress::show(Wish {
        quiet: args.quiet,
        format: args.format,
        on_stderr: false,
    });
    let request = PullRequest {
        wanted: match args.all_platforms {
            true => Wanted::All,
            false => args.pull.wanted(),
        },
        limits: args.pull.limits(),
        image,
    };
    let tools = Tools {
        workers: &Threads,
        progress: show.as_ref(),
    };
    let pulled = engine.pull(&request, settings, tools)?;
    drop(show);
    let status = match pulled.is_new {
        true => format!("Downloaded newer image for {}", pulled.familiar),
        false => format!("Image is up to date for {}", pulled.familiar),
    };
    let text = match (args.quiet, args.format) {
        (true, _) => format!("{}\n", pulled.name),
        (_, Format::Json) => {
            let value = json!({
                "name": pulled.name,
                "digest": pulled.digest,
                "id": pulled.id,
                "status": status,
            });
            format!("{value}\n")
        }
        (_, Format::Table) => format!(
            "Digest: {}\nStatus: {status}\n{}\n",
            pulled.digest, pulled.name
        ),
    };
    output::print(&text);
    Ok(())
}
