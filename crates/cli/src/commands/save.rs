//! `wharf save`: write images to an archive.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use image::Platform;

use crate::context::Context;
use crate::exit_code::Failure;

/// Write images to an archive that Docker, Podman and wharf load
#[derive(Debug, clap::Parser)]
#[command(name = "save")]
pub(crate) struct Args {
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The images for this platform, OS/CPU[/VARIANT]
    #[arg(long, value_name = "PLATFORM", value_parser = crate::flags::pull::platform)]
    platform: Option<Platform>,
    /// The images
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// Runs the verb.
pub(crate) fn save(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    to_file_or_stdout(args.output.as_deref(), |out| {
        let platform = args.platform.as_ref();
        engine
            .save(&args.images, platform, out)
            .map_err(Failure::from)
    })
}

/// Lets `write` write to a file, which takes the place of an older one when it is complete, or to
/// standard output, which may not be a terminal.
pub(super) fn to_file_or_stdout(
    path: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Result<i32, Failure> {
    let Some(path) = path else {
        let stdout = std::io::stdout();
        if stdout.is_terminal() {
            return Err(Failure::usage(
                "this is no text for a terminal: use --output FILE, or redirect it",
            ));
        }
        let mut out = BufWriter::with_capacity(1 << 17, stdout.lock());
        write(&mut out)?;
        out.flush()
            .map_err(|error| Failure::usage(format!("writing to standard output: {error}")))?;
        return Ok(0);
    };
    let failed = |error| Failure::usage(format!("writing {}: {error}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let file = std::fs::File::create(&part).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 17, file);
    let written = write(&mut out).and_then(|()| {
        let flushed = out.flush().map_err(failed);
        flushed.and_then(|()| std::fs::rename(&part, path).map_err(failed))
    });
    if written.is_err() {
        // The first failure is the one to tell.
        let _ = std::fs::remove_file(&part);
    }
    written.map(|()| 0)
}
