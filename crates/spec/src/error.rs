//! Why a document was not accepted, said with the key it is about.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A document that cannot be read or breaks a rule of its specification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are no JSON.
    #[error("{document}: line {line}, column {column}: {problem}")]
    Syntax {
        /// Name of the document, as users know it.
        document: &'static str,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser stumbled over.
        problem: String,
    },
    /// The value of a key has the wrong type, or a key inside it is missing.
    #[error("{document}: key \"{key}\": {problem}")]
    Value {
        /// Name of the document, as users know it.
        document: &'static str,
        /// Path of the key, `process.args[0]`; `.` is the document itself.
        key: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// The value of a key breaks a rule of the specification.
    #[error("{document}: key \"{key}\" {problem}")]
    Rule {
        /// Name of the document, as users know it.
        document: &'static str,
        /// Path of the key.
        key: String,
        /// The rule, as the rest of a sentence that starts with the key.
        problem: String,
    },
}

/// Reads a JSON document; only a failed document pays for knowing the path of its keys, and for
/// leaving out those whose value is null, which tools written in Go write for an absent one.
pub(crate) fn parse<T: DeserializeOwned>(document: &'static str, bytes: &[u8]) -> Result<T, Error> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(error) if error.is_data() => {
            without_nulls(bytes).ok_or_else(|| locate::<T>(document, bytes, &error))
        }
        Err(error) => Err(Error::Syntax {
            document,
            line: error.line(),
            column: error.column(),
            problem: without_position(&error),
        }),
    }
}

/// The document without the keys that are null, if it makes sense then.
fn without_nulls<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|_, value| !value.is_null());
                map.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    strip(&mut value);
    serde_json::from_value(value).ok()
}

/// Reads the document again, following the keys, to name the one that failed.
fn locate<T: DeserializeOwned>(
    document: &'static str,
    bytes: &[u8],
    first: &serde_json::Error,
) -> Error {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let key = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(_) => ".".to_owned(),
        Err(error) => error.path().to_string(),
    };
    Error::Value {
        document,
        key,
        problem: without_position(first),
    }
}

/// The parser's message without its trailing line and column.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Document {
        #[allow(dead_code, reason = "only parsed")]
        list: Vec<u32>,
    }

    fn message(text: &str) -> String {
        parse::<Document>("test.json", text.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_wrong_type_names_the_key_and_what_was_expected() {
        let expected = "test.json: key \"list[1]\": invalid type: string \"x\", expected u32";
        assert_eq!(message(r#"{"list": [1, "x"]}"#), expected);
    }

    #[test]
    fn a_key_that_is_null_is_absent() {
        #[derive(Debug, Deserialize)]
        struct Optional {
            #[serde(default)]
            list: Vec<u32>,
        }
        let parsed = parse::<Optional>("test.json", br#"{"list": null}"#).unwrap();
        assert!(parsed.list.is_empty());
        assert!(message(r#"{"list": null}"#).contains("list"));
    }

    #[test]
    fn a_missing_key_names_its_parent() {
        assert_eq!(message("{}"), "test.json: key \".\": missing field `list`");
    }

    #[test]
    fn broken_json_names_the_line() {
        let expected = "test.json: line 2, column 2: EOF while parsing a list";
        assert_eq!(message("{\"list\":\n[1"), expected);
    }
}
