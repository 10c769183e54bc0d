//! `oci delete`: what is left of a container goes.

use super::global::Global;
use super::main::Failure;
use crate::error_text;

/// Remove what is left of a stopped container.
#[derive(Debug, clap::Parser)]
#[command(name = "delete")]
pub(super) struct Args {
    /// Kill it first; a container that does not exist is no error
    #[arg(short, long)]
    force: bool,
    /// The container
    id: String,
}

pub(super) fn delete(global: &Global, args: &Args) -> Result<i32, Failure> {
    remove(global, &args.id, args.force)?;
    Ok(0)
}

/// Removes a container; a hook that fails is told and nothing else.
pub(super) fn remove(global: &Global, id: &str, force: bool) -> Result<(), Failure> {
    for failed_hook in runtime::delete(&global.root, id, force)? {
        global.warn(&error_text::sentence(&failed_hook));
    }
    Ok(())
}
