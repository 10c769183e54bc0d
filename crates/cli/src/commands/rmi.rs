//! `wharf rmi`: remove images.

use image::Platform;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;
use crate::several::each;

/// Remove images
#[derive(Debug, clap::Parser)]
#[command(name = "rmi")]
pub(crate) struct Args {
    /// Even if containers use them; one that does not exist is no error
    #[arg(short, long)]
    force: bool,
    /// Images have no parents here that could stay: for the sake of Docker's scripts
    #[arg(long = "no-prune")]
    _no_prune: bool,
    /// Only the images for these platforms, OS/CPU[/VARIANT]
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', value_parser = crate::flags::pull::platform)]
    platform: Vec<Platform>,
    /// References or ids
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// Runs the verb.
pub(crate) fn rmi(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.images, |image| {
        match engine.remove_image(image, &args.platform, args.force) {
            Ok(removed) => {
                let untagged = removed
                    .untagged
                    .iter()
                    .map(|name| format!("Untagged: {name}\n"));
                let deleted = removed
                    .deleted
                    .iter()
                    .map(|digest| format!("Deleted: {digest}\n"));
                output::print(&untagged.chain(deleted).collect::<String>());
            }
            Err(error) if args.force && error.kind() == engine::Kind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    })
}
