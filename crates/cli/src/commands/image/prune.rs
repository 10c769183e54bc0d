//! `wharf image prune`: remove what nobody uses.

use crate::confirm::confirmed;
use crate::context::Context;
use crate::exit_code::Failure;
use crate::human;
use crate::output;

/// Remove images without a name, and what pulls that were cut off left
#[derive(Debug, clap::Parser)]
#[command(name = "prune")]
pub(crate) struct Args {
    /// All images that no container uses
    #[arg(short, long)]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Runs the verb.
pub(crate) fn prune(args: &Args, context: &Context) -> Result<i32, Failure> {
    let which = match args.all {
        true => "all images without at least one container associated to them",
        false => "all dangling images",
    };
    if !args.force && !confirmed(&format!("This will remove {which}."))? {
        return Ok(0);
    }
    let removed = context.engine()?.prune_images(args.all)?;
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
