//! `wharf system prune`: remove everything that nobody uses.

use image::Image;

use crate::commands::image::prune::deleted as deleted_images;
use crate::commands::prune::{Condition, deleted};
use crate::confirm::confirmed;
use crate::context::Context;
use crate::exit_code::Failure;
use crate::{human, output};

/// Remove containers that do not run, and what no container uses
#[derive(Debug, clap::Parser)]
#[command(name = "prune")]
pub(crate) struct Args {
    /// All images that no container uses, not only those without a name
    #[arg(short, long)]
    all: bool,
    /// Volumes without a name too
    #[arg(long)]
    volumes: bool,
    /// Only what meets a condition: until=TIME or label=NAME=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Runs the verb.
pub(crate) fn prune(args: &Args, context: &Context) -> Result<i32, Failure> {
    let condition = Condition::parse(&args.filter)?;
    if args.volumes && condition.has_time() {
        return Err(Failure::usage(
            "ERROR: The \"until\" filter is not supported with \"--volumes\"",
        ));
    }
    if !args.force && !confirmed(&warning(args))? {
        return Ok(0);
    }
    let engine = context.engine()?;
    let (containers, mut freed) = engine.prune_containers(|record| condition.is_met(record))?;
    output::print(&deleted("Containers", &containers));
    let networks = engine.prune_networks(|network| condition.is_met_by_network(network))?;
    output::print(&deleted("Networks", &networks));
    if args.volumes {
        let (volumes, bytes) = engine
            .prune_volumes(|volume| volume.anonymous && condition.meets_labels(&volume.labels))?;
        output::print(&deleted("Volumes", &volumes));
        freed += bytes;
    }
    let is_met = |image: &Image| condition.is_met_by_image(image);
    let is_met = (!condition.is_empty()).then_some(&is_met as &dyn Fn(&Image) -> bool);
    let images = engine.prune_images(args.all, is_met)?;
    output::print(&deleted_images(&images));
    freed += images.freed;
    output::print(&format!("Total reclaimed space: {}\n", human::size(freed)));
    Ok(0)
}

/// Docker's warning, of what wharf has.
fn warning(args: &Args) -> String {
    let mut text = "This will remove:\n  - all stopped containers\n  \
                    - all networks not used by at least one container\n"
        .to_owned();
    if args.volumes {
        text.push_str("  - all anonymous volumes not used by at least one container\n");
    }
    text.push_str(match args.all {
        true => "  - all images without at least one container associated to them\n",
        false => "  - all dangling images\n",
    });
    if !args.filter.is_empty() {
        text.push_str("\n  Items to be pruned will be filtered with:\n");
        for filter in &args.filter {
            text.push_str(&format!("  - {filter}\n"));
        }
    }
    text
}
