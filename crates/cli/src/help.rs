//! `wharf help`: all verbs by what they are for, and each verb's own page.

use clap::CommandFactory;

use crate::commands::*;
use crate::exit_code::Failure;
use crate::pager;

const OVERVIEW: &str = "\
A container engine for Linux in one static binary.

Usage: wharf [--data-root DIR] [--run-root DIR] COMMAND [OPTIONS] [ARGS]

Try: wharf run --rm host sh -c 'id; ps'

Run:
  run       Run a program in a new container
  exec      Run one more program in a running container
  attach    Connect to a running container
  debug     Open a shell with the host's tools beside a container
  logs      Show what a container wrote
  top       Show its processes
  stats     Show what containers use
  events    Show what happens, as it happens

Containers:
  ps        List containers
  create    Make a container without starting it
  start     Start containers
  stop      End containers, gently first
  restart   End containers and start them again
  kill      Send a signal to containers
  pause     Let a container's processes stand still
  unpause   Let them go on
  wait      Wait for the end of containers
  inspect   Show everything about containers
  explain   Show what a container is made of, as shell commands too
  why       Say why a container does not run
  update    Change the limits of containers
  rename    Give a container another name
  port      List published ports
  rm        Remove containers
  cp        Copy files between a container and the host
  diff      Show what a container changed
  commit    Make an image of what a container wrote
  export    Write a container's files to an archive
  container All of these once more, and prune
  network   Make, list, show and remove networks, and connect containers
  volume    Make, list, show and remove volumes

Images:
  pull      Bring an image from a registry
  push      Send an image to a registry
  login     Log in to a registry
  logout    Log out from a registry
  search    Search a registry for images
  images    List images
  image     All verbs of images, and images from the host's files
  tag       Give an image a further name
  rmi       Remove images
  history   Show how an image came about
  save      Write images to an archive
  load      Take images from an archive
  import    Make an image of an archive or a directory

One primitive alone:
  chroot    Run a program with another directory as its root
  unshare   Run a program of the host in new namespaces
  nsenter   Run a program of the host in namespaces of a container
  oci       The OCI runtime, with runc's commands and flags

wharf:
  info      Show what this machine can do
  system    Show what takes room, and check the store of images
  version   Show the version
  man       Write the pages of the manual
  completion
            Print what completes commands in a shell
  help      Show this page, or a command's

See 'wharf COMMAND --help' for a command's options.
";

/// Shows the overview, or the page of one verb.
pub(crate) fn help(verb: Option<&str>) -> Result<i32, Failure> {
    let Some(verb) = verb else {
        pager::show(OVERVIEW);
        return Ok(0);
    };
    let Some(command) = command(verb) else {
        return Err(Failure::usage(format!(
            "unknown command: {verb}{}",
            suggestion(verb)
        )));
    };
    let mut command = command.bin_name(format!("wharf {verb}"));
    pager::show(&command.render_help().to_string());
    Ok(0)
}

fn command(verb: &str) -> Option<clap::Command> {
    Some(match verb {
        "run" => run::Args::command(),
        "create" => create::Args::command(),
        "start" => start::Args::command(),
        "stop" => stop::Args::command(),
        "kill" => kill::Args::command(),
        "pause" | "unpause" => pause::Args::command(),
        "rm" => rm::Args::command(),
        "restart" => restart::Args::command(),
        "rename" => rename::Args::command(),
        "update" => update::Args::command(),
        "top" => top::Args::command(),
        "stats" => stats::Args::command(),
        "port" => port::Args::command(),
        "container prune" => prune::Args::command(),
        "network" => network::Args::command(),
        "volume" => volume::Args::command(),
        "why" => why::Args::command(),
        "explain" => explain::Args::command(),
        "completion" => completion::Args::command(),
        "man" => completion::ManArgs::command(),
        "ps" => ps::Args::command(),
        "logs" => logs::Args::command(),
        "exec" => exec::Args::command(),
        "cp" => cp::Args::command(),
        "events" => events::Args::command(),
        "attach" => attach::Args::command(),
        "inspect" => inspect::Args::command(),
        "wait" => wait::Args::command(),
        "pull" => pull::Args::command(),
        "push" => push::Args::command(),
        "tag" => tag::Args::command(),
        "save" => save::Args::command(),
        "load" => load::Args::command(),
        "import" => import::Args::command(),
        "export" => export::Args::command(),
        "commit" => commit::Args::command(),
        "diff" => diff::Args::command(),
        "history" => history::Args::command(),
        "login" => login::Args::command(),
        "logout" => login::LogoutArgs::command(),
        "search" => search::Args::command(),
        "images" => images::Args::command(),
        "system" => system::Args::command(),
        "image" => image::Args::command(),
        "rmi" => rmi::Args::command(),
        "info" => info::Args::command(),
        "version" => version::Args::command(),
        "chroot" => chroot::Args::command(),
        "unshare" => unshare::Args::command(),
        "nsenter" => nsenter::Args::command(),
        "debug" => debug::Args::command(),
        _ => return None,
    })
}

/// All verbs as one tree, for completions and the manual; only those need it whole.
pub(crate) fn tree() -> clap::Command {
    let verbs = verbs().filter_map(|verb| Some(command(verb)?.name(verb)));
    clap::Command::new("wharf")
        .about("A container engine for Linux in one static binary")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommands(verbs)
}

/// A hint at the verb that was probably meant.
pub(crate) fn suggestion(word: &str) -> String {
    let same = |verb: &str| {
        word.chars()
            .zip(verb.chars())
            .take_while(|(a, b)| a == b)
            .count()
    };
    // Of those that are equally near, the one that begins alike.
    let near = |verb: &&str| (distance(word, verb), std::cmp::Reverse(same(verb)));
    let best = verbs()
        .min_by_key(near)
        .map(|verb| (distance(word, verb), verb));
    match best {
        Some((distance, verb)) if distance <= 1 + word.len() / 4 => {
            format!(" (did you mean '{verb}'?)")
        }
        _ => String::new(),
    }
}

/// The verbs of the overview.
fn verbs() -> impl Iterator<Item = &'static str> {
    let entries = OVERVIEW.lines().filter_map(|line| line.strip_prefix("  "));
    let entries = entries.filter(|line| !line.starts_with(' '));
    entries.filter_map(|line| line.split_whitespace().next())
}

/// How many letters have to be changed, added, removed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_of_the_overview_has_a_page() {
        for verb in verbs().filter(|verb| !["oci", "help", "container"].contains(verb)) {
            let command = command(verb).unwrap_or_else(|| panic!("{verb}"));
            command.debug_assert();
        }
    }

    #[test]
    fn a_typo_is_met_with_the_verb_that_was_meant() {
        assert_eq!(suggestion("rnu"), " (did you mean 'run'?)");
        assert_eq!(suggestion("rum"), " (did you mean 'run'?)");
        assert_eq!(suggestion("atach"), " (did you mean 'attach'?)");
        assert_eq!(suggestion("frobnicate"), "");
    }
}
