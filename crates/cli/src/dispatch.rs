//! From the program's arguments to the verb's file, and from its outcome to an exit code. What a
//! verb does is in `commands/<verb>.rs`.

use std::ffi::OsString;
use std::path::Path;

use clap::{CommandFactory, FromArgMatches};

use crate::commands::*;
use crate::context::Context;
use crate::exit_code::Failure;
use crate::{help, output, usage};

/// Runs the program with its arguments, from its own name on, and gives back its exit code. The
/// caller must have a single thread.
pub fn main(arguments: impl Iterator<Item = OsString>) -> i32 {
    let mut words = Vec::new();
    for argument in arguments {
        match argument.into_string() {
            Ok(word) => words.push(word),
            Err(word) => {
                output::error(&format!("{} is not valid UTF-8", word.display()));
                return 125;
            }
        }
    }
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    let rest: Vec<String> = words.collect();
    match Path::new(&name).file_name().and_then(|name| name.to_str()) {
        Some(name @ "runc") => oci::main(name, rest.into_iter(), &context()),
        Some("wharf-init") => init::main(&rest),
        _ => front(rest),
    }
}

fn context() -> Context {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Context::new(variables.collect(), rustix::process::geteuid().as_raw())
}

/// Options before the verb, then the verb.
fn front(words: Vec<String>) -> i32 {
    let mut context = context();
    let mut words = words.into_iter().peekable();
    while let Some(option) = words.next_if(|word| word.starts_with('-')) {
        let (name, mut value) = match option.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (option, None),
        };
        let root = match name.as_str() {
            "-h" | "--help" => return finish(&help::help(None), 0),
            "-v" | "--version" => return finish(&version::short(), 0),
            "--data-root" => &mut context.data_root,
            "--run-root" => &mut context.run_root,
            _ => return unknown(&format!("unknown option: {name}")),
        };
        match value
            .take()
            .or_else(|| words.next())
            .map(std::path::absolute)
        {
            Some(Ok(path)) => *root = path,
            _ => return unknown(&format!("{name} needs a directory")),
        }
    }
    match words.next() {
        None => finish(&help::help(None), 0),
        Some(verb) => dispatch(&context, &verb, &words.collect::<Vec<_>>()),
    }
}

fn unknown(message: &str) -> i32 {
    finish(
        &Err(Failure::usage(format!("{message}\nSee 'wharf --help'."))),
        1,
    )
}

fn dispatch(context: &Context, verb: &str, words: &[String]) -> i32 {
    match verb {
        monitor::VERB => return monitor::main(words),
        "oci" => return oci::main("wharf oci", words.iter().cloned(), context),
        names::VERB => return names::main(words),
        probe::VERB => return probe::main(words),
        settle::VERB => return settle::main(words),
        _ => {}
    }
    let (name, words) = match (verb, words.split_first()) {
        // `wharf container ps` is `wharf ps`.
        ("container", Some((verb, words))) => (container_verb(verb), words),
        _ => (verb, words),
    };
    let ours = match name {
        "run" | "exec" | "create" | "chroot" | "unshare" | "nsenter" | "debug" => 125,
        _ => 1,
    };
    let outcome = act(context, name, words).unwrap_or_else(|| {
        let hint = help::suggestion(verb);
        Err(Failure::usage(format!(
            "unknown command: {verb}{hint}\nSee 'wharf --help'."
        )))
    });
    finish(&outcome, ours)
}

fn container_verb(verb: &str) -> &str {
    match verb {
        "ls" | "list" => "ps",
        "prune" => "container prune",
        "inspect" => "container inspect",
        other => other,
    }
}

/// Runs the verb; `None` when there is none of this name.
fn act(context: &Context, verb: &str, words: &[String]) -> Option<Result<i32, Failure>> {
    Some(match verb {
        "run" => with(verb, words, |args| run::run(args, context)),
        "create" => with(verb, words, |args| create::create(args, context)),
        "start" => with(verb, words, |args| start::start(args, context)),
        "stop" => with(verb, words, |args| stop::stop(args, context)),
        "kill" => with(verb, words, |args| kill::kill(args, context)),
        "pause" => with(verb, words, |args| pause::pause(args, context)),
        "restart" => with(verb, words, |args| restart::restart(args, context)),
        "rename" => with(verb, words, |args| rename::rename(args, context)),
        "update" => with(verb, words, |args| update::update(args, context)),
        "top" => with(verb, words, |args| top::top(args, context)),
        "stats" => with(verb, words, |args| stats::stats(args, context)),
        "port" => with(verb, words, |args| port::port(args, context)),
        "unpause" => with(verb, words, |args| pause::unpause(args, context)),
        "rm" => with(verb, words, |args| rm::rm(args, context)),
        "ps" => with(verb, words, |args| ps::ps(args, context)),
        "logs" => with(verb, words, |args| logs::logs(args, context)),
        "exec" => with(verb, words, |args| exec::exec(args, context)),
        "cp" => with(verb, words, |args| cp::cp(&args, context)),
        "events" => with(verb, words, |args| events::events(&args, context)),
        "attach" => with(verb, words, |args| attach::attach(args, context)),
        "inspect" => with(verb, words, |args| inspect::inspect(&args, context)),
        "wait" => with(verb, words, |args| wait::wait(args, context)),
        "pull" => with(verb, words, |args| pull::pull(args, context)),
        "push" => with(verb, words, |args| push::push(args, context)),
        "tag" => with(verb, words, |args| tag::tag(&args, context)),
        "save" => with(verb, words, |args| save::save(&args, context)),
        "load" => with(verb, words, |args| load::load(&args, context)),
        "import" => with(verb, words, |args| import::import(args, context)),
        "export" => with(verb, words, |args| export::export(&args, context)),
        "commit" => with(verb, words, |args| commit::commit(args, context)),
        "diff" => with(verb, words, |args| diff::diff(&args, context)),
        "history" => with(verb, words, |args| history::history(&args, context)),
        "login" => with(verb, words, |args| login::login(args, context)),
        "logout" => with(verb, words, |args| login::logout(&args, context)),
        "search" => with(verb, words, |args| search::search(&args, context)),
        "images" => with(verb, words, |args| images::images(args, context)),
        "rmi" => with(verb, words, |args| rmi::rmi(args, context)),
        "system" => system::system(words, context),
        "image" => image::image(words, context),
        "info" => with(verb, words, |args| info::info(args, context)),
        "version" => with(verb, words, version::version),
        "chroot" => with(verb, words, |args| {
            chroot::run(args, context.variables.clone())
        }),
        "unshare" => with(verb, words, |args| {
            unshare::run(args, context.variables.clone())
        }),
        "nsenter" => with(verb, words, |args| nsenter::nsenter(args, context)),
        "debug" => with(verb, words, |args| debug::debug(args, context)),
        "explain" => with(verb, words, |args| explain::explain(args, context)),
        "network" => network::network(words, context),
        "volume" => volume::volume(words, context),
        "why" => with(verb, words, |args| why::why(args, context)),
        "completion" => with(verb, words, completion::completion),
        "man" => with(verb, words, completion::man),
        "container inspect" => with(verb, words, |args| {
            inspect::inspect_containers(args, context)
        }),
        "container prune" => with(verb, words, |args| prune::prune(args, context)),
        "help" => help::help(words.first().map(String::as_str)),
        _ => return None,
    })
}

/// Parses the verb's flags and runs it.
pub(crate) fn with<A: CommandFactory + FromArgMatches>(
    verb: &str,
    words: &[String],
    act: impl FnOnce(A) -> Result<i32, Failure>,
) -> Result<i32, Failure> {
    usage::parse(verb, words).and_then(act)
}

/// Tells a failure, once, and gives back the exit code; `ours` is the verb's own for a failure of
/// ours.
fn finish(outcome: &Result<i32, Failure>, ours: i32) -> i32 {
    match outcome {
        Ok(code) => *code,
        Err(failure) => {
            if !failure.message.is_empty() {
                output::error(&failure.message);
            }
            failure.code.unwrap_or(ours)
        }
    }
}
