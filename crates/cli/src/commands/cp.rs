//! `wharf cp`: copy files between a container and the host.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use engine::{Copied, CopyOptions, Engine};
use indicatif::{ProgressBar, ProgressStyle};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::{human, output};

/// Copy files between a container and the host
#[derive(Debug, clap::Parser)]
#[command(name = "cp")]
pub(crate) struct Args {
    /// Files keep their owners; else they are root's in a container and yours outside
    #[arg(short, long)]
    archive: bool,
    /// Copy what the source leads to, if it is a link
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
    /// CONTAINER:PATH, a path of the host, or - for an archive on standard input
    source: String,
    /// The other side; - writes an archive to standard output
    #[arg(value_name = "DEST")]
    destination: String,
}

/// One side of the copy.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Inside { container: String, path: PathBuf },
    Outside(PathBuf),
    Archive,
}

impl Place {
    /// Docker's rule: a colon parts a container from a path, but not in what is plainly a path.
    fn parse(text: &str) -> Result<Self, Failure> {
        if text == "-" {
            return Ok(Self::Archive);
        }
        if text.is_empty() {
            return Err(Failure::usage(
                "neither source nor destination can be empty",
            ));
        }
        match text.split_once(':') {
            Some((container, path)) if !text.starts_with(['/', '.']) => {
                if container.is_empty() || path.is_empty() {
                    return Err(Failure::usage(format!(
                        "invalid path {text:?}: expected CONTAINER:PATH"
                    )));
                }
                Ok(Self::Inside {
                    container: container.to_owned(),
                    path: path.into(),
                })
            }
            _ => Ok(Self::Outside(text.into())),
        }
    }
}

/// Runs the verb. The caller must have a single thread.
pub(crate) fn cp(args: &Args, context: &Context) -> Result<i32, Failure> {
    let (source, destination) = (
        Place::parse(&args.source)?,
        Place::parse(&args.destination)?,
    );
    let options = CopyOptions {
        follow: args.follow_link,
        archive: args.archive,
    };
    match (source, destination) {
        (Place::Inside { container, path }, Place::Archive) => {
            let mut out = std::io::stdout().lock();
            if out.is_terminal() {
                return Err(Failure::usage(
                    "cannot write an archive to a terminal: send it to a file or a program",
                ));
            }
            let engine = context.engine()?;
            told(&engine.copy_to_archive(&container, &path, options, &mut out)?);
            Ok(0)
        }
        (Place::Archive, Place::Inside { container, path }) => {
            let mut stream = std::io::BufReader::with_capacity(1 << 16, std::io::stdin().lock());
            let engine = context.engine()?;
            told(&engine.copy_from_archive(&mut stream, &container, &path)?);
            Ok(0)
        }
        (Place::Inside { container, path }, Place::Outside(to)) => {
            let show = |engine: &Engine, meter: engine::Meter<'_>| {
                engine.copy_out(&container, &path, &to, options, meter)
            };
            copy(args, context, &to, show)
        }
        (Place::Outside(from), Place::Inside { container, path }) => {
            let shown = PathBuf::from(format!("{container}:{}", path.display()));
            copy(args, context, &shown, |engine, meter| {
                engine.copy_in(&from, &container, &path, options, meter)
            })
        }
        (Place::Inside { .. }, Place::Inside { .. }) => Err(Failure::usage(
            "copying between containers is not supported: copy to the host first",
        )),
        (Place::Outside(_) | Place::Archive, Place::Outside(_) | Place::Archive) => Err(
            Failure::usage("one side must be a container's, as CONTAINER:PATH"),
        ),
    }
}

/// Copies, and shows on a terminal how far it is.
fn copy(
    args: &Args,
    context: &Context,
    to: &Path,
    act: impl FnOnce(&Engine, engine::Meter<'_>) -> Result<Copied, engine::Error>,
) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let bar = match args.quiet || !std::io::stdout().is_terminal() {
        true => ProgressBar::hidden(),
        false => ProgressBar::no_length(),
    };
    let style = ProgressStyle::with_template("Copying {wide_msg} {bytes} ({bytes_per_sec})");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message(format!("to {}", to.display()));
    let copied = act(&engine, &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    let copied = copied?;
    told(&copied);
    if !bar.is_hidden() {
        let size = human::size(copied.bytes);
        let words = format!("Successfully copied {size} to {}\n", to.display());
        output::stderr_bytes(words.as_bytes());
    }
    Ok(0)
}

/// Says what was no file to copy.
fn told(copied: &Copied) {
    for path in &copied.passed_over {
        output::warning(&format!(
            "{} is a device or a socket and was not copied",
            path.display()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_parts_a_container_from_a_path_but_not_in_a_path() {
        let inside = Place::Inside {
            container: "web".into(),
            path: "/etc".into(),
        };
        assert_eq!(Place::parse("web:/etc").unwrap(), inside);
        for path in ["./web:/etc", "/a:b", "web"] {
            assert_eq!(Place::parse(path).unwrap(), Place::Outside(path.into()));
        }
        assert!(Place::parse("").is_err() && Place::parse("web:").is_err());
    }
}
