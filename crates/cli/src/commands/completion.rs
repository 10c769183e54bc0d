//! `wharf completion` and `wharf man`: what shells and man(1) show, from the definitions of the
//! verbs themselves.

use std::io::Cursor;
use std::path::PathBuf;

use clap_complete::Shell;

use crate::exit_code::Failure;
use crate::{help, output};

/// Print a script that completes wharf's commands and options in a shell
#[derive(Debug, clap::Parser)]
#[command(name = "completion")]
pub(crate) struct Args {
    /// bash, zsh, fish, elvish or powershell
    shell: Shell,
}

/// Runs `completion`.
pub(crate) fn completion(args: Args) -> Result<i32, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::tree(), "wharf", &mut script);
    output::print_bytes(&script);
    Ok(0)
}

/// Write the pages of the manual
#[derive(Debug, clap::Parser)]
#[command(name = "man")]
pub(crate) struct ManArgs {
    /// Where to; the directory must exist
    directory: PathBuf,
}

/// Runs `man`.
pub(crate) fn man(args: ManArgs) -> Result<i32, Failure> {
    let tree = help::tree();
    let of_verbs = tree.get_subcommands().map(|verb| {
        let name = format!("wharf-{}", verb.get_name());
        (name.clone(), verb.clone().display_name(name))
    });
    let pages: Vec<(String, clap::Command)> = std::iter::once(("wharf".to_owned(), tree.clone()))
        .chain(of_verbs)
        .collect();
    for (name, command) in pages {
        let path = args.directory.join(format!("{name}.1"));
        let failed = |error| Failure::usage(format!("writing {}: {error}", path.display()));
        let mut page = Cursor::new(Vec::new());
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(failed)?;
        std::fs::write(&path, page.into_inner()).map_err(failed)?;
    }
    Ok(0)
}
