//! `wharf image prune`: remove what nobody uses.

use image::Image;

use crate::commands::images::dangling;
use crate::commands::prune::Condition;
use crate::confirm::confirmed;
use crate::context::Context;
use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::human;
use crate::output;

/// Remove images without a name, and what pulls that were cut off left
#[derive(Debug, clap::Parser)]
#[command(name = "prune")]
pub(crate) struct Args {
    /// All images that no container uses
    #[arg(short, long)]
    all: bool,
    /// Only those that meet a condition: until=TIME, label=NAME=VALUE or dangling=true|false
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Runs the verb.
pub(crate) fn prune(args: &Args, context: &Context) -> Result<i32, Failure> {
    let (of_names, others): (Vec<String>, Vec<String>) = args
        .filter
        .iter()
        .cloned()
        .partition(|filter| filter.starts_with("dangling="));
    let of_names = Filters::parse(&of_names, &["dangling"]).map_err(Failure::usage)?;
    let all = args.all || dangling(&of_names)? == Some(false);
    let condition = Condition::parse(&others)?;
    let which = match all {
        true => "all images without at least one container associated to them",
        false => "all dangling images",
    };
    if !args.force && !confirmed(&format!("This will remove {which}."))? {
        return Ok(0);
    }
    let is_met = |image: &Image| condition.is_met_by_image(image);
    let is_met = (!condition.is_empty()).then_some(&is_met as &dyn Fn(&Image) -> bool);
    let removed = context.engine()?.prune_images(all, is_met)?;
    let text = deleted(&removed);
    output::print(&format!(
        "{text}Total reclaimed space: {}\n",
        human::size(removed.freed)
    ));
    Ok(0)
}

/// What was removed, in Docker's words; nothing when it was nothing.
pub(crate) fn deleted(removed: &engine::RemovedImage) -> String {
    if removed.untagged.is_empty() && removed.deleted.is_empty() {
        return String::new();
    }
    let mut text = "Deleted Images:\n".to_owned();
    let untagged = removed.untagged.iter();
    text.extend(untagged.map(|name| format!("untagged: {name}\n")));
    let deleted = removed.deleted.iter();
    text.extend(deleted.map(|digest| format!("deleted: {digest}\n")));
    text + "\n"
}
