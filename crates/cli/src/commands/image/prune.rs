//! `wharf image prune`: remove what nobody uses.

use std::io::{BufRead, IsTerminal};

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
    if !args.force && !is_sure(args.all)? {
        return Ok(0);
    }
    let removed = context.engine()?.prune_images(args.all)?;
    let mut text = String::new();
    if !removed.untagged.is_empty() || !removed.deleted.is_empty() {
        text.push_str("Deleted Images:\n");
        let untagged = removed.untagged.iter();
        text.extend(untagged.map(|name| format!("untagged: {name}\n")));
        let deleted = removed.deleted.iter();
        text.extend(deleted.map(|digest| format!("deleted: {digest}\n")));
        text.push('\n');
    }
    text.push_str(&format!(
        "Total reclaimed space: {}\n",
        human::size(removed.freed)
    ));
    output::print(&text);
    Ok(0)
}

/// Asks at the terminal.
fn is_sure(all: bool) -> Result<bool, Failure> {
    let what = match all {
        true => "all images without at least one container associated to them",
        false => "all dangling images",
    };
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask at: use --force",
        ));
    }
    let question =
        format!("WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N] ");
    output::stderr_bytes(question.as_bytes());
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    read.map_err(|error| Failure::usage(format!("reading the answer: {error}")))?;
    Ok(matches!(line.trim(), "y" | "Y"))
}
