//! `wharf chroot`: a program with another directory as its root, nothing else.

use std::path::PathBuf;

use runtime::UnshareRequest;

use super::unshare::run_bare;
use crate::exit_code::Failure;

/// Run a program with another directory as its root.
#[derive(Debug, clap::Parser)]
#[command(name = "chroot")]
pub(crate) struct Args {
    /// The directory that becomes /
    directory: PathBuf,
    /// The program and its arguments, in that directory; a shell without one
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Runs the verb.
pub(crate) fn run(args: Args, environment: Vec<(String, String)>) -> Result<i32, Failure> {
    let directory = args.directory;
    if !directory.is_dir() {
        return Err(Failure::usage(format!(
            "{} is not a directory",
            directory.display()
        )));
    }
    let request = UnshareRequest {
        chroot: Some(directory),
        args: args.command,
        ..Default::default()
    };
    run_bare(request, environment)
}
