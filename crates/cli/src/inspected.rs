//! What the `inspect` verbs share: objects by name, shown as one JSON list or each by a template.

use std::error::Error;

use serde::Serialize;
use serde_json::Value;

use crate::error_text::sentence;
use crate::exit_code::Failure;
use crate::output;
use crate::template::Template;

/// How they are shown; an indented list without one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Format {
    /// The list in one line.
    Json,
    /// A line for each.
    Template(Template),
}

/// `json`, or a Go template.
pub(crate) fn format(text: &str) -> Result<Format, String> {
    match text {
        "json" => Ok(Format::Json),
        _ => {
            let text = text.replace("\\t", "\t").replace("\\n", "\n");
            Template::parse(&text).map(Format::Template)
        }
    }
}

/// Shows what `find` gives for each name; one that is not found does not keep the others from being
/// shown, and makes the exit code 1.
pub(crate) fn show<T: Serialize, E: Error>(
    names: &[String],
    format: Option<&Format>,
    find: impl Fn(&str) -> Result<T, E>,
) -> Result<i32, Failure> {
    let failed = |error| Failure::usage(format!("writing JSON: {error}"));
    let mut found: Vec<Value> = Vec::new();
    let mut code = 0;
    for name in names {
        match find(name) {
            Ok(object) => found.push(serde_json::to_value(object).map_err(failed)?),
            Err(error) => {
                output::error(&sentence(&error));
                code = 1;
            }
        }
    }
    let text = match format {
        Some(Format::Template(template)) => {
            let lines = found
                .iter()
                .map(|value| template.render(value, &Value::Null));
            let lines = lines.map(|line| Ok(line.map_err(Failure::usage)? + "\n"));
            output::print(&lines.collect::<Result<String, Failure>>()?);
            return Ok(code);
        }
        Some(Format::Json) => serde_json::to_string(&found),
        None => serde_json::to_string_pretty(&found),
    };
    output::print(&format!("{}\n", text.map_err(failed)?));
    Ok(code)
}
