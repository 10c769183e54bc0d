//! Parsing one verb's flags, and what the user reads when they make no sense.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory, FromArgMatches};

use crate::exit_code::Failure;
use crate::{pager, refused};

/// Reads the arguments of `verb` (its words from the program's name on), or says why not. Only
/// this verb's flags are built.
pub(crate) fn parse<A: CommandFactory + FromArgMatches>(
    verb: &str,
    arguments: &[String],
) -> Result<A, Failure> {
    let mut command = A::command()
        .bin_name(format!("wharf {verb}"))
        .disable_version_flag(true);
    let words = std::iter::once(verb).chain(arguments.iter().map(String::as_str));
    let mut parsed = command
        .try_get_matches_from_mut(words.clone())
        .and_then(|matches| A::from_arg_matches(&matches));
    if parsed.as_ref().is_err_and(clap::Error::use_stderr) {
        parsed = as_docker(A::command())
            .bin_name(format!("wharf {verb}"))
            .disable_version_flag(true)
            .try_get_matches_from_mut(words)
            .and_then(|matches| A::from_arg_matches(&matches));
    }
    parsed.map_err(|error| {
        if let Some(refusal) = refusal(verb, &error) {
            return Failure::usage(refusal);
        }
        if error.use_stderr() {
            return Failure::usage(format!(
                "{}\nSee 'wharf {verb} --help'.",
                sentence(&error.to_string())
            ));
        }
        pager::show(&error.to_string());
        Failure::told(0)
    })
}

/// What is said about a flag that Docker has.
fn refusal(verb: &str, error: &clap::Error) -> Option<String> {
    let ContextValue::String(flag) = error.get(ContextKind::InvalidArg)? else {
        return None;
    };
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    let why = refused::why(verb, flag).filter(|_| is_unknown)?;
    Some(format!("{flag} is not supported: {why}"))
}

/// The same flags as Docker reads them: the last one of several counts, `--rm=false` is not
/// `--rm`, and whatever follows an option that needs a value is its value. Made only for who
/// writes them so.
fn as_docker(command: clap::Command) -> clap::Command {
    command.args_override_self(true).mut_args(|arg| {
        if arg.is_positional() {
            return arg;
        }
        match arg.get_action() {
            ArgAction::SetTrue if !arg.is_require_equals_set() => arg
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_value("false")
                .default_missing_value("true")
                .value_parser(truth),
            ArgAction::Set | ArgAction::Append if !arg.is_require_equals_set() => {
                arg.allow_hyphen_values(true)
            }
            _ => arg,
        }
    })
}

/// The words for yes and no of Go's strconv.ParseBool.
fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// The parser's message as one sentence: without its usage, with its tips.
fn sentence(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut sentence = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    for line in lines.take_while(|line| !line.starts_with("Usage:")) {
        let line = line.trim();
        if let Some(tip) = line.strip_prefix("tip: ") {
            if tip.starts_with("a similar") || tip.starts_with("some similar") {
                sentence = format!("{sentence} ({tip})");
            }
        } else if !line.is_empty() && !line.starts_with("For more information") {
            sentence = format!("{sentence} {line}");
        }
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    #[command(name = "run")]
    struct Args {
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        rm: bool,
        #[arg(short, long)]
        interactive: bool,
        #[arg(short, long)]
        tty: bool,
        #[arg(required = true, trailing_var_arg = true)]
        words: Vec<String>,
    }

    fn parsed(words: &[&str]) -> Result<Args, Failure> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        parse("run", &words)
    }

    #[test]
    fn a_typo_gets_a_suggestion_and_a_hint() {
        let failure = parsed(&["--nmae", "web", "host"]).unwrap_err();
        let expected = "unexpected argument '--nmae' found (a similar argument exists: '--name')\n\
                        See 'wharf run --help'.";
        assert_eq!(failure.message, expected);
    }

    #[test]
    fn flags_end_where_the_image_is_named() {
        let args = parsed(&["--name", "web", "host", "ls", "--name", "-l", "--", "-x"]).unwrap();
        assert_eq!(args.name.as_deref(), Some("web"));
        assert_eq!(args.words, ["host", "ls", "--name", "-l", "--", "-x"]);
    }

    #[test]
    fn flags_are_read_as_docker_reads_them() {
        let args = parsed(&["--name", "a", "--rm=false", "--name", "-b", "host", "-x"]).unwrap();
        assert_eq!(args.name.as_deref(), Some("-b"));
        assert!(!args.rm && !args.tty);
        assert_eq!(args.words, ["host", "-x"]);
        let args = parsed(&["-it=false", "--rm=T", "host"]).unwrap();
        assert!(args.interactive && args.rm && !args.tty);
        let args = parsed(&["-it", "--rm", "--rm", "host"]).unwrap();
        assert!(args.interactive && args.rm && args.tty);
        let failure = parsed(&["--rm=maybe", "host"]).unwrap_err();
        assert!(failure.message.contains("--rm") && failure.message.contains("'maybe'"));
    }

    #[test]
    fn a_flag_of_dockers_is_refused_with_a_reason() {
        let failure = parsed(&["--link", "db", "host"]).unwrap_err();
        assert!(failure.message.starts_with("--link is not supported: "));
        let failure = parsed(&["--link=db", "host"]).unwrap_err();
        assert!(failure.message.contains("wharf network create"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let failure = parsed(&[]).unwrap_err();
        assert!(failure.message.contains("<WORDS>"), "{}", failure.message);
    }
}
