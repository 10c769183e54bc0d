//! `wharf import`: make an image of a file system.

use std::io::Read;
use std::path::PathBuf;

use engine::ImportRequest;
use image::Platform;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::registry::RegistryFlags;
use crate::output;

/// Make an image of an archive or a directory with a root file system
#[derive(Debug, clap::Parser)]
#[command(name = "import")]
pub(crate) struct Args {
    /// Change its configuration, as an instruction of a Dockerfile
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Say what it is
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// What it runs on, OS/CPU[/VARIANT]
    #[arg(long, value_name = "PLATFORM", value_parser = crate::flags::pull::platform)]
    platform: Option<Platform>,
    /// How URLs are reached
    #[command(flatten)]
    registry: RegistryFlags,
    /// The archive (compressed or not) or directory, or where to get it; - for standard input
    #[arg(value_name = "FILE|DIR|URL|-")]
    source: PathBuf,
    /// Its name
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

/// Runs the verb.
pub(crate) fn import(args: Args, context: &Context) -> Result<i32, Failure> {
    let source = args.source.to_string_lossy().into_owned();
    let is_url = source.contains("://");
    let request = ImportRequest {
        path: Some(args.source).filter(|path| path.as_os_str() != "-" && !is_url),
        name: args.name,
        changes: args.change,
        message: args
            .message
            .or_else(|| is_url.then(|| format!("Imported from {source}"))),
        platform: args.platform,
        epoch: context.epoch()?,
    };
    let stream: Box<dyn Read> = match is_url {
        true => args
            .registry
            .settings(context)
            .download(&source)
            .map_err(|error| engine::Error::from(image::Error::from(error)))?,
        false => Box::new(std::io::stdin().lock()),
    };
    let id = context.engine()?.import(&request, stream)?;
    output::print(&format!("{id}\n"));
    Ok(0)
}
