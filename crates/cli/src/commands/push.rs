//! `wharf push`: send images to a registry.

use engine::{Engine, PushRequest};
use image::registry::Settings;
use image::{Compression, Platform, Tools};
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::content_trust::ContentTrust;
use crate::flags::registry::RegistryFlags;
use crate::output::{self, Format};
use crate::progress::{self, Wish};
use crate::threads::Threads;

/// Send an image to a registry
#[derive(Debug, clap::Parser)]
#[command(name = "push")]
pub(crate) struct Args {
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
    /// Send all tags of a repository
    #[arg(short, long, conflicts_with = "destination")]
    all_tags: bool,
    #[command(flatten)]
    trust: ContentTrust,
    /// Send the image for this platform, OS/CPU[/VARIANT]
    #[arg(long, value_name = "PLATFORM", conflicts_with = "all_platforms", value_parser = crate::flags::pull::platform)]
    platform: Option<Platform>,
    /// Send the images for all platforms that the name means, with an index of them
    #[arg(long)]
    all_platforms: bool,
    /// What layers become that are not compressed: gzip, zstd or none
    #[arg(long, value_name = "CODEC", default_value = "gzip", value_parser = compression)]
    compression: Compression,
    /// How registries are reached
    #[command(flatten)]
    registry: RegistryFlags,
    /// text or json, an object a line
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = crate::output::text_or_json)]
    format: Format,
    /// Its name, with the registry that it goes to
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Another name to push it under
    #[arg(value_name = "DESTINATION")]
    destination: Option<String>,
}

fn compression(text: &str) -> Result<Compression, String> {
    match text {
        "gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        "none" => Ok(Compression::None),
        _ => Err("expected gzip, zstd or none".to_owned()),
    }
}

/// Runs the verb.
pub(crate) fn push(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let settings = args.registry.settings(context);
    let names = match args.all_tags {
        true => engine.tags_here(&args.image)?,
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
    let request = PushRequest {
        image,
        destination: args.destination.clone(),
        platform: args.platform.clone(),
        all_platforms: args.all_platforms,
        compression: args.compression,
    };
    let tools = Tools {
        workers: &Threads,
        progress: show.as_ref(),
    };
    let pushed = engine.push(&request, settings, tools)?;
    drop(show);
    match (args.quiet, args.format) {
        (true, _) => {}
        (_, Format::Json) => {
            let value = json!({
                "repository": pushed.repository,
                "tag": pushed.tag,
                "digest": pushed.digest,
                "size": pushed.size,
            });
            output::print(&format!("{value}\n"));
        }
        (_, Format::Table) => output::print(&format!(
            "{}: digest: {} size: {}\n",
            pushed.tag, pushed.digest, pushed.size
        )),
    }
    Ok(())
}
