//! `wharf create`: make a container for a later `start`.

use crate::cid_file::CidFile;
use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::container::ContainerFlags;
use crate::flags::image::ImageFlags;
use crate::output;

/// Make a container without starting it
#[derive(Debug, clap::Parser)]
#[command(name = "create", disable_help_flag = true)]
pub(crate) struct Args {
    /// Where its image comes from
    #[command(flatten)]
    image: ImageFlags,
    /// What the container shall be
    #[command(flatten)]
    container: ContainerFlags,
}

/// Runs the verb.
pub(crate) fn create(args: Args, context: &Context) -> Result<i32, Failure> {
    let cid_path = args.container.cidfile.clone();
    let config = args.container.config(context, true)?;
    let cid_file = CidFile::claim(cid_path.as_deref())?;
    let engine = context.engine()?;
    let make = |config| engine.create(config);
    let record = args.image.make(&engine, config, context, make)?;
    if let Some(file) = cid_file {
        file.write(&record.id)?;
    }
    output::print(&format!("{}\n", record.id));
    Ok(0)
}
