//! `wharf run`: make a container, start it, and stay with it.

use crate::cid_file::CidFile;
use crate::context::Context;
use crate::detach_keys::DetachKeys;
use crate::exit_code::Failure;
use crate::flags::container::{ContainerFlags, Stream};
use crate::flags::image::ImageFlags;
use crate::foreground::{self, Wishes};
use crate::output;

/// Run a program in a new container
#[derive(Debug, clap::Parser)]
#[command(name = "run", disable_help_flag = true)]
pub(crate) struct Args {
    /// Do not stay with it; print its id
    #[arg(short, long)]
    detach: bool,
    /// Keys that leave it running, as ctrl-p,ctrl-q; none when empty
    #[arg(long, value_name = "KEYS", value_parser = foreground::detach_keys)]
    detach_keys: Option<Option<DetachKeys>>,
    /// Pass signals on
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sig_proxy: bool,
    /// Where its image comes from
    #[command(flatten)]
    image: ImageFlags,
    /// What the container shall be
    #[command(flatten)]
    container: ContainerFlags,
}

/// Runs the verb.
pub(crate) fn run(args: Args, context: &Context) -> Result<i32, Failure> {
    let wishes = Wishes {
        stdin: args.container.interactive && args.container.attaches(Stream::Stdin),
        stdout: args.container.attaches(Stream::Stdout),
        stderr: args.container.attaches(Stream::Stderr),
        terminal: args.container.tty,
        detach_keys: args
            .detach_keys
            .unwrap_or_else(|| Some(DetachKeys::default())),
        proxy: args.sig_proxy,
    };
    match args.detach {
        true if !args.container.attach.is_empty() => {
            return Err(Failure::usage(
                "--attach stays with the container and --detach does not: leave out one of the two",
            ));
        }
        true => {}
        false => wishes.check()?,
    }
    let cid_path = args.container.cidfile.clone();
    let config = args.container.config(context, !args.detach)?;
    let cid_file = CidFile::claim(cid_path.as_deref())?;
    let engine = context.engine()?;
    let streams = (!args.detach).then(|| wishes.streams());
    let make = |config| engine.run(config, streams);
    let started = args.image.make(&engine, config, context, make)?;
    if let Some(file) = cid_file {
        file.write(&started.record().id)?;
    }
    for warning in &started.warnings {
        output::warning(warning);
    }
    if args.detach || !wishes.stdout && !wishes.stderr {
        output::print(&format!("{}\n", started.record().id));
    }
    if args.detach {
        return Ok(0);
    }
    foreground::follow_started(&engine, started, &wishes)
}
