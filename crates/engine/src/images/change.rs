//! `--change` of `commit` and `import`: instructions of a Dockerfile that set what an image says
//! about processes.

use serde_json::{Map, Value};
use spec::image::ContainerDefaults;

use crate::Error;

/// Does what one instruction says.
///
/// # Errors
/// An instruction that is none of these, or malformed.
pub(super) fn apply(config: &mut ContainerDefaults, text: &str) -> Result<(), Error> {
    let invalid = |why: &str| Error::Invalid {
        what: "change",
        why: format!("{text:?}: {why}"),
    };
    let (name, rest) = text
        .trim()
        .split_once(char::is_whitespace)
        .unwrap_or((text.trim(), ""));
    let rest = rest.trim();
    if rest.is_empty() {
        return Err(invalid("expected an instruction and its value"));
    }
    match name.to_ascii_uppercase().as_str() {
        "CMD" => config.cmd = command(rest),
        "ENTRYPOINT" => config.entrypoint = command(rest),
        "USER" => config.user = Some(rest.to_owned()),
        "WORKDIR" => config.working_dir = Some(rest.to_owned()),
        "STOPSIGNAL" => config.stop_signal = Some(rest.to_owned()),
        "ENV" => {
            for (name, value) in pairs(rest).ok_or_else(|| invalid("expected NAME=VALUE"))? {
                let prefix = format!("{name}=");
                config.env.retain(|old| !old.starts_with(&prefix));
                config.env.push(format!("{prefix}{value}"));
            }
        }
        "LABEL" => {
            let pairs = pairs(rest).ok_or_else(|| invalid("expected NAME=VALUE"))?;
            config.labels.extend(pairs);
        }
        "EXPOSE" => {
            let ports = rest
                .split_whitespace()
                .map(|port| match port.contains('/') {
                    true => port.to_owned(),
                    false => format!("{port}/tcp"),
                });
            add(config, "ExposedPorts", ports);
        }
        "VOLUME" => {
            let volumes = serde_json::from_str::<Vec<String>>(rest);
            let plain = || rest.split_whitespace().map(str::to_owned).collect();
            add(
                config,
                "Volumes",
                volumes.unwrap_or_else(|_| plain()).into_iter(),
            );
        }
        other => return Err(invalid(&format!("{other} is not supported here"))),
    }
    Ok(())
}

/// The words of a command: a JSON list, or a line for the shell.
fn command(text: &str) -> Vec<String> {
    serde_json::from_str(text)
        .unwrap_or_else(|_| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

/// `a=b c="d e"`, or `a b` for one name with a value.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    if !text.split_whitespace().next()?.contains('=') {
        let (name, value) = text.split_once(char::is_whitespace)?;
        return Some(vec![(name.to_owned(), value.trim().to_owned())]);
    }
    let mut found = Vec::new();
    for word in words(text)? {
        let (name, value) = word.split_once('=')?;
        found.push((name.to_owned(), value.to_owned()));
    }
    Some(found)
}

/// Words with quotes and backslashes taken away; `None` when a quote has no end.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().push(letters.next()?),
            (letter, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, None) if letter.is_whitespace() => found.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    found.extend(word);
    quote.is_none().then_some(found)
}

/// Adds keys to one of the sets that wharf only hands on.
fn add(config: &mut ContainerDefaults, key: &str, names: impl Iterator<Item = String>) {
    let empty = || Value::Object(Map::new());
    let set = config.other.entry(key.to_owned()).or_insert_with(empty);
    if !set.is_object() {
        *set = empty();
    }
    if let Value::Object(set) = set {
        set.extend(names.map(|name| (name, empty())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(instructions: &[&str]) -> ContainerDefaults {
        let mut config = ContainerDefaults::default();
        for text in instructions {
            apply(&mut config, text).unwrap();
        }
        config
    }

    #[test]
    fn instructions_are_those_of_a_dockerfile() {
        let config = changed(&[
            "CMD [\"a\", \"b c\"]",
            "entrypoint exec x",
            "ENV A=1 B=\"two words\"",
            "ENV A 3 4",
            "LABEL l='v'",
            "EXPOSE 80 53/udp",
            "VOLUME [\"/v\"]",
        ]);
        assert_eq!(config.cmd, ["a", "b c"]);
        assert_eq!(config.entrypoint, ["/bin/sh", "-c", "exec x"]);
        assert_eq!(config.env, ["B=two words", "A=3 4"]);
        assert_eq!(config.labels["l"], "v");
        let ports = config.other["ExposedPorts"].as_object().unwrap();
        assert_eq!(ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        assert!(config.other["Volumes"]["/v"].is_object());
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for text in ["RUN x", "CMD", "ENV A", "ENV A=\"b"] {
            let error = apply(&mut ContainerDefaults::default(), text).unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }
}
