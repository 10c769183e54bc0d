//! `wharf load`: take images from an archive.

use std::io::IsTerminal;
use std::path::PathBuf;

use engine::PullRequest;
use image::Tools;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::pull::PullFlags;
use crate::output::{self, Format};
use crate::progress::{self, Wish};
use crate::threads::Threads;

/// Take images from an archive of docker save, podman save or wharf save, or an OCI layout
#[derive(Debug, clap::Parser)]
#[command(name = "load")]
pub(crate) struct Args {
    /// Read from a file or directory instead of standard input
    #[arg(short, long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Print the images' names only
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    which: PullFlags,
}

/// Runs the verb.
pub(crate) fn load(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let show = progress::show(Wish {
        quiet: args.quiet,
        format: Format::Table,
        on_stderr: true,
    });
    let request = PullRequest {
        image: String::new(),
        wanted: args.which.wanted(),
        limits: args.which.limits(),
    };
    let tools = Tools {
        workers: &Threads,
        progress: show.as_ref(),
    };
    let stdin = std::io::stdin();
    let loaded = match &args.input {
        Some(path) => engine.load(path, &request, tools)?,
        None if stdin.is_terminal() => {
            return Err(Failure::usage("an archive is needed: use --input FILE"));
        }
        None => engine.load_stream(stdin.lock(), &request, tools)?,
    };
    for image in loaded {
        match image.names.is_empty() {
            true => output::print(&format!("Loaded image ID: {}\n", image.id)),
            false => {
                for name in &image.names {
                    output::print(&format!("Loaded image: {name}\n"));
                }
            }
        }
    }
    Ok(0)
}
