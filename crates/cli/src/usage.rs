//! Parsing one verb's flags, and what the user reads when they make no sense.

use clap::{CommandFactory, FromArgMatches};

use crate::exit_code::Failure;
use crate::pager;

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
    let parsed = command
        .try_get_matches_from_mut(words)
        .and_then(|matches| A::from_arg_matches(&matches));
    parsed.map_err(|error| {
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
    fn what_is_missing_is_named() {
        let failure = parsed(&[]).unwrap_err();
        assert!(failure.message.contains("<WORDS>"), "{}", failure.message);
    }
}
