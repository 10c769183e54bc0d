//! Values as text, as annotations of containers name them: `'text'`, `true`, `uint64 5`,
//! `['a', 'b']`.
//!
//! Source: GLib's "GVariant Text Format", without dictionaries, `maybe` and `@` types.

use super::Value;

/// Reads one value; says what is wrong otherwise.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut parser = Parser {
        rest: text.trim_start(),
    };
    let value = parser.value()?;
    match parser.rest {
        "" => Ok(value),
        rest => Err(format!("{rest:?} follows the value")),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Result<Value, String> {
        match self.rest.chars().next() {
            None => Err("a value is missing".to_owned()),
            Some('\'' | '"') => self.text().map(Value::Text),
            Some('[') => self.array(),
            Some('(') => self.list('(', ')').map(Value::Struct),
            Some('<') => {
                self.take('<')?;
                let value = self.value()?;
                self.take('>')?;
                Ok(value.into_variant())
            }
            Some(_) => self.word(),
        }
    }

    fn array(&mut self) -> Result<Value, String> {
        let values = self.list('[', ']')?;
        let element = match values.first() {
            Some(first) => first.signature(),
            None => return Err("the type of an empty array is not known".to_owned()),
        };
        if values.iter().any(|value| value.signature() != element) {
            return Err("an array has values of one type only".to_owned());
        }
        Ok(Value::Array(element, values))
    }

    fn list(&mut self, open: char, close: char) -> Result<Vec<Value>, String> {
        self.take(open)?;
        let mut values = Vec::new();
        loop {
            if self.rest.starts_with(close) {
                self.take(close)?;
                return Ok(values);
            }
            values.push(self.value()?);
            if !self.rest.starts_with(close) {
                self.take(',')?;
            }
        }
    }

    /// A number or a truth value, maybe with its type before it.
    fn word(&mut self) -> Result<Value, String> {
        let first = self.take_word();
        let wrong = |word: &str, kind: &str| format!("{word:?} is not {kind}");
        match first {
            "true" => return Ok(Value::Bool(true)),
            "false" => return Ok(Value::Bool(false)),
            "string" => return self.text().map(Value::Text),
            "objectpath" => return self.text().map(Value::ObjectPath),
            "signature" => return self.text().map(Value::Signature),
            "boolean" | "byte" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "uint64"
            | "double" => {}
            number if number.contains('.') => {
                let value = number.parse().map(Value::Double);
                return value.map_err(|_| wrong(number, "a value"));
            }
            number => {
                let value = integer(number).and_then(|n| i32::try_from(n).ok());
                return value
                    .map(Value::I32)
                    .ok_or_else(|| wrong(number, "a value"));
            }
        }
        let word = self.take_word();
        typed(first, word).ok_or_else(|| wrong(word, first))
    }

    fn text(&mut self) -> Result<String, String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let quote = quote.ok_or_else(|| format!("{:?} is not a quoted text", self.rest))?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                end if end == quote => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default().trim_start();
                    return Ok(text);
                }
                other => text.push(other),
            }
        }
        Err(format!("{:?} does not end", self.rest))
    }

    fn take_word(&mut self) -> &'a str {
        let is_end = |c: char| c.is_whitespace() || "[](),<>'\"".contains(c);
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn take(&mut self, character: char) -> Result<(), String> {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest.trim_start();
                Ok(())
            }
            None => Err(format!("{character:?} is missing before {:?}", self.rest)),
        }
    }
}

fn typed(kind: &str, word: &str) -> Option<Value> {
    Some(match kind {
        "boolean" => Value::Bool(word.parse().ok()?),
        "byte" => Value::Byte(u8::try_from(integer(word)?).ok()?),
        "int16" => Value::I16(i16::try_from(integer(word)?).ok()?),
        "uint16" => Value::U16(u16::try_from(integer(word)?).ok()?),
        "int32" => Value::I32(i32::try_from(integer(word)?).ok()?),
        "uint32" => Value::U32(u32::try_from(integer(word)?).ok()?),
        "int64" => Value::I64(i64::try_from(integer(word)?).ok()?),
        "uint64" => Value::U64(u64::try_from(integer(word)?).ok()?),
        "double" => Value::Double(word.parse().ok()?),
        _ => return None,
    })
}

fn integer(word: &str) -> Option<i128> {
    match word.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_and_without_their_type() {
        assert_eq!(
            parse("'inactive-or-failed'"),
            Ok(Value::from("inactive-or-failed"))
        );
        assert_eq!(parse(r#""a\"b""#), Ok(Value::from("a\"b")));
        assert_eq!(parse("true"), Ok(Value::Bool(true)));
        assert_eq!(parse("42"), Ok(Value::I32(42)));
        assert_eq!(parse(" uint64 0x10 "), Ok(Value::U64(16)));
        assert_eq!(parse("1.5"), Ok(Value::Double(1.5)));
        let array = Value::Array("s".into(), vec![Value::from("a"), Value::from("b")]);
        assert_eq!(parse("['a', 'b']"), Ok(array));
        let pair = Value::Struct(vec![Value::from("/dev/null"), Value::from("rw")]);
        assert_eq!(
            parse("[('/dev/null', 'rw')]"),
            Ok(Value::Array("(ss)".into(), vec![pair]))
        );
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for text in [
            "",
            "'open",
            "[1, 'a']",
            "uint32 -1",
            "byte 256",
            "nonsense",
            "1 2",
            "[]",
            "[",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
