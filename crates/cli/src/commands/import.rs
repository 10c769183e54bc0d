//! `wharf import`: make an image of a file system.

use std::path::PathBuf;

use engine::ImportRequest;
use image::Platform;

use crate::context::Context;
use crate::exit_code::Failure;
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
    /// The archive (compressed or not) or directory; - for standard input
    #[arg(value_name = "FILE|DIR|-")]
    source: PathBuf,
    /// Its name
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

/// Runs the verb.
pub(crate) fn import(args: Args, context: &Context) -> Result<i32, Failure> {
    if args.source.to_string_lossy().contains("://") {
        return Err(Failure::usage(
            "importing from a URL is not supported: download it, and import the file",
        ));
    }
    let request = ImportRequest {
        path: Some(args.source).filter(|path| path.as_os_str() != "-"),
        name: args.name,
        changes: args.change,
        message: args.message,
        platform: args.platform,
        epoch: context.epoch()?,
    };
    let id = context
        .engine()?
        .import(&request, std::io::stdin().lock())?;
    output::print(&format!("{id}\n"));
    Ok(0)
}
