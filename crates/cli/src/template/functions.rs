//! The functions of templates: Go's own and Docker's.

use std::cmp::Ordering;

use serde_json::Value;

/// Whether Go takes a value for true: not null, zero, false or empty.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// A value as Go prints it.
pub(super) fn print(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(list) => format!("[{}]", joined(list.iter().map(print))),
        Value::Object(map) => {
            // They are sorted by their keys already.
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", print(value)));
            format!("map[{}]", joined(pairs))
        }
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

/// Calls the function `name`.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let wrong = || format!("the function {name} cannot be called with these arguments");
    let text = |at: usize| arguments.get(at).map(print).ok_or_else(wrong);
    let value = |at: usize| arguments.get(at).ok_or_else(wrong);
    let number = |at: usize| {
        let number = arguments.get(at).and_then(Value::as_u64);
        number
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(wrong)
    };
    Ok(match name {
        "json" => Value::from(value(0)?.to_string()),
        "upper" => Value::from(text(0)?.to_uppercase()),
        "lower" => Value::from(text(0)?.to_lowercase()),
        "title" => Value::from(title(&text(0)?)),
        "split" => text(0)?.split(&text(1)?).map(Value::from).collect(),
        "join" => {
            let list = value(0)?.as_array().ok_or_else(wrong)?;
            let parts: Vec<String> = list.iter().map(print).collect();
            Value::from(parts.join(&text(1)?))
        }
        "truncate" => Value::from(text(0)?.chars().take(number(1)?).collect::<String>()),
        "pad" => {
            let (before, after) = (" ".repeat(number(1)?), " ".repeat(number(2)?));
            Value::from(format!("{before}{}{after}", text(0)?))
        }
        "len" => Value::from(length(value(0)?).ok_or_else(wrong)?),
        "index" => index(arguments).ok_or_else(wrong)?,
        "slice" => {
            let (text, from) = (text(0)?, number(1)?);
            let to = if arguments.len() > 2 {
                number(2)?
            } else {
                text.len()
            };
            Value::from(text.get(from..to).ok_or_else(wrong)?)
        }
        "print" => Value::from(joined_as_print(arguments)),
        "println" => Value::from(joined(arguments.iter().map(print)) + "\n"),
        "printf" => Value::from(printf(&text(0)?, arguments.get(1..).unwrap_or_default())?),
        "not" => Value::from(!is_true(value(0)?)),
        "and" => chosen(arguments, |value| !is_true(value)).ok_or_else(wrong)?,
        "or" => chosen(arguments, is_true).ok_or_else(wrong)?,
        "eq" => Value::from(
            arguments
                .iter()
                .skip(1)
                .any(|other| equal(&arguments[0], other)),
        ),
        "ne" => Value::from(!equal(value(0)?, value(1)?)),
        "lt" | "le" | "gt" | "ge" => {
            let ordering = compare(value(0)?, value(1)?).ok_or_else(wrong)?;
            Value::from(match name {
                "lt" => ordering == Ordering::Less,
                "le" => ordering != Ordering::Greater,
                "gt" => ordering == Ordering::Greater,
                _ => ordering != Ordering::Less,
            })
        }
        _ => return Err(format!("there is no function {name:?}")),
    })
}

/// The first argument that decides, or the last.
fn chosen(arguments: &[Value], decides: impl Fn(&Value) -> bool) -> Option<Value> {
    let first = arguments.iter().find(|value| decides(value));
    first.or(arguments.last()).cloned()
}

fn equal(a: &Value, b: &Value) -> bool {
    compare(a, b).map_or_else(|| a == b, Ordering::is_eq)
}

fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.len()),
        Value::Array(list) => Some(list.len()),
        Value::Object(map) => Some(map.len()),
        _ => None,
    }
}

/// What is at the keys after the first argument; nothing where a map has no such key.
fn index(arguments: &[Value]) -> Option<Value> {
    let (first, keys) = arguments.split_first()?;
    let mut value = first.clone();
    for key in keys {
        value = match (&value, key) {
            (Value::Object(map), Value::String(key)) => {
                map.get(key).cloned().unwrap_or_else(|| Value::from(""))
            }
            (Value::Array(list), key) => list.get(usize::try_from(key.as_u64()?).ok()?)?.clone(),
            (Value::Null, _) => Value::Null,
            _ => return None,
        };
    }
    Some(value)
}

/// Go's `print`: a space only between two that are no strings.
fn joined_as_print(arguments: &[Value]) -> String {
    let mut text = String::new();
    for (at, value) in arguments.iter().enumerate() {
        let is_plain = |value: &Value| !value.is_string();
        if at > 0 && is_plain(value) && is_plain(&arguments[at - 1]) {
            text.push(' ');
        }
        text.push_str(&print(value));
    }
    text
}

fn title(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// `%s`, `%v`, `%d`, `%q` and `%t`, with a width and `-`.
fn printf(format: &str, arguments: &[Value]) -> Result<String, String> {
    let mut text = String::new();
    let mut arguments = arguments.iter();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let end = after.find(|c: char| c.is_ascii_alphabetic() || c == '%');
        let end = end.ok_or_else(|| format!("printf: {format:?} ends within a verb"))?;
        let (flags, verb) = (&after[..end], &after[end..=end]);
        rest = &after[end + 1..];
        if verb == "%" {
            text.push('%');
            continue;
        }
        let missing = || format!("printf: {format:?} has more verbs than there are values");
        let value = arguments.next().ok_or_else(missing)?;
        let shown = match verb {
            "s" | "v" | "d" | "t" => print(value),
            "q" => Value::from(print(value)).to_string(),
            _ => return Err(format!("printf: the verb %{verb} is not supported")),
        };
        text.push_str(&padded(&shown, flags));
    }
    Ok(text + rest)
}

fn padded(text: &str, flags: &str) -> String {
    let width = flags.trim_start_matches('-').parse().unwrap_or(0);
    match flags.starts_with('-') {
        true => format!("{text:<width$}"),
        false => format!("{text:>width$}"),
    }
}
