//! `oci mounts`: mounts for a container that stands, as crun has it.

use std::path::PathBuf;

use ::spec::runtime::Mount;

use super::global::Global;
use super::main::Failure;

/// Add mounts to a running container, or take them away.
#[derive(Debug, clap::Parser)]
#[command(name = "mounts")]
pub(super) struct Args {
    /// What to do
    #[arg(value_enum)]
    what: What,
    /// The container
    id: String,
    /// File with a list of mounts as in config.json; to remove them, the destinations are enough
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    Add,
    Remove,
}

pub(super) fn mounts(global: &Global, args: &Args) -> Result<i32, Failure> {
    let list = read(&args.file)?;
    match args.what {
        What::Add => runtime::add_mounts(&global.root, &args.id, &list)?,
        What::Remove => runtime::remove_mounts(&global.root, &args.id, &list)?,
    }
    Ok(0)
}

fn read(path: &PathBuf) -> Result<Vec<Mount>, Failure> {
    let wrong = |why: String| Failure::usage(format!("reading {}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let list: Vec<Mount> =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    match list
        .iter()
        .position(|mount| mount.destination.as_os_str().is_empty())
    {
        Some(index) => Err(wrong(format!("mount {index} has no destination"))),
        None => Ok(list),
    }
}
