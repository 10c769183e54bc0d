//! Choosing the verb of `wharf oci`, and turning its outcome into words and an exit code.

use clap::Parser;

use super::global::{Global, Wanted};
use super::{
    checkpoint, create, delete, events, exec, features, kill, list, mounts, pause, ps, restore,
    run, spec, start, state, update,
};
use crate::context::Context;
use crate::error_text;

const HELP: &str = "\
NAME:
   {name} - Open Container Initiative runtime: containers from bundles, with runc's commands

USAGE:
   {name} [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGS]

COMMANDS:
  create    Create a container from a bundle
  start     Run the program of a created container
  run       Create and start a container, and wait for it
  exec      Run one more program in a container
  state     Show the state of a container
  list      List the containers
  ps        List the processes of a container
  kill      Send a signal to a container
  pause     Stop all processes of a container
  resume    Let a paused container go on
  checkpoint
            Write the processes of a container down, with CRIU
  restore   Make a container from what checkpoint wrote down
  update    Change the limits of a container
  mounts    Add mounts to a running container, or take them away
  events    Show what a container uses, and OOM kills
  delete    Remove what is left of a stopped container
  spec      Write a new config.json
  features  Show what this runtime can do

GLOBAL OPTIONS:
  --root DIR                  Where the containers are kept
  --log FILE                  Where errors are written beside standard error
  --log-format text|json      In which form
  --debug                     Write what is done, too: into the log, or to standard error
  --systemd-cgroup            Let systemd make cgroups: cgroupsPath is slice:prefix:name
  --cgroup-manager NAME       Who makes cgroups: cgroupfs, systemd or disabled (nobody)
  --rootless true|false|auto  Taken for runc's callers: found out by itself
  --version                   Show the version

See '{name} COMMAND --help' for a command's options.
";

/// A verb's help, in the order in which runc's has its parts.
const VERB_HELP: &str = "\
NAME:
   {called} - {about}

USAGE:
   {usage}

{all-args}
";

/// Runs `wharf oci` with the arguments after it; gives back the exit code. `name` is how it was
/// called.
pub(crate) fn main(name: &str, arguments: impl Iterator<Item = String>, context: &Context) -> i32 {
    let user_bus = context.user_bus();
    let (global, wanted) = match Global::parse(arguments, &context.run_root, user_bus.as_deref()) {
        Ok(parsed) => parsed,
        Err(message) => {
            crate::output::error(&message);
            return 1;
        }
    };
    match wanted {
        Wanted::Help => crate::output::print(&HELP.replace("{name}", name)),
        Wanted::Version => crate::output::print(&version()),
        Wanted::Verb(words) => return verb(name, &global, words),
    }
    0
}

fn version() -> String {
    format!(
        "wharf version {}\nspec: {}\n",
        env!("CARGO_PKG_VERSION"),
        ::spec::VERSION
    )
}

fn verb(name: &str, global: &Global, words: Vec<String>) -> i32 {
    let outcome = match words.first().map(String::as_str).unwrap_or_default() {
        "create" => with(name, words, |args| create::create(global, &args)),
        "start" => with(name, words, |args: start::Args| start::start(global, &args)),
        "run" => with(name, words, |args| run::run(global, &args)),
        "exec" => with(name, words, |args: exec::Args| exec::exec(global, &args)),
        "state" => with(name, words, |args: state::Args| state::state(global, &args)),
        "list" => with(name, words, |args: list::Args| list::list(global, &args)),
        "ps" => with(name, words, |args: ps::Args| ps::ps(global, &args)),
        "kill" => with(name, words, |args: kill::Args| kill::kill(global, &args)),
        "pause" => with(name, words, |args: pause::Args| pause::pause(global, &args)),
        "resume" => with(name, words, |args: pause::Args| {
            pause::resume(global, &args)
        }),
        "delete" => with(name, words, |args: delete::Args| {
            delete::delete(global, &args)
        }),
        "checkpoint" => with(name, words, |args: checkpoint::Args| {
            checkpoint::checkpoint(global, &args)
        }),
        "restore" => with(name, words, |args: restore::Args| {
            restore::restore(global, &args)
        }),
        "update" => with(name, words, |args: update::Args| {
            update::update(global, &args)
        }),
        "mounts" => with(name, words, |args: mounts::Args| {
            mounts::mounts(global, &args)
        }),
        "events" => with(name, words, |args: events::Args| {
            events::events(global, &args)
        }),
        "spec" => with(name, words, |args: spec::Args| spec::spec(&args)),
        "features" => with(name, words, |_: features::Args| features::features()),
        other => Err(Failure::usage(format!(
            "No help topic for '{other}': there is no such command (see '{name} --help')"
        ))),
    };
    match outcome {
        Ok(code) => code,
        Err(Failure { message, code }) => {
            global.report(&message);
            code
        }
    }
}

/// Parses the verb's own arguments, building nothing of the other verbs.
fn with<A: Parser>(
    name: &str,
    words: Vec<String>,
    act: impl FnOnce(A) -> Result<i32, Failure>,
) -> Result<i32, Failure> {
    let called = format!("{name} {}", words.first().cloned().unwrap_or_default());
    let mut command = A::command()
        .help_template(VERB_HELP.replace("{called}", &called))
        .bin_name(called);
    let parsed = command
        .try_get_matches_from_mut(words)
        .and_then(|matches| A::from_arg_matches(&matches));
    match parsed {
        Ok(arguments) => act(arguments),
        Err(error) if error.use_stderr() => Err(Failure::usage(error.to_string())),
        Err(help) => {
            crate::output::print(&help.to_string());
            Ok(0)
        }
    }
}

/// A sentence for the user, and the exit code.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    code: i32,
}

impl Failure {
    pub(super) fn usage(message: String) -> Self {
        Self { message, code: 1 }
    }

    /// The failure with what it happened to in front, and another exit code.
    pub(super) fn while_doing(self, what: &str, code: i32) -> Self {
        Self {
            message: format!("{what}: {}", self.message),
            code,
        }
    }
}

impl From<crate::attach::Error> for Failure {
    fn from(error: crate::attach::Error) -> Self {
        Self {
            message: error_text::sentence(&error),
            code: 1,
        }
    }
}

impl From<crate::exit_code::Failure> for Failure {
    fn from(failure: crate::exit_code::Failure) -> Self {
        Self {
            message: failure.message,
            code: failure.code.unwrap_or(1),
        }
    }
}

impl From<runtime::Error> for Failure {
    fn from(error: runtime::Error) -> Self {
        Self {
            message: error_text::sentence(&error),
            code: 1,
        }
    }
}
