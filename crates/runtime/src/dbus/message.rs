//! Messages: a call that is sent, and whatever comes back.

use super::value::{Reader, Value, align};

/// A call of a method.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) method: &'a str,
    pub(crate) arguments: Vec<Value>,
}

/// What was received: an answer, an error or a signal.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// Which call it answers.
    pub(crate) reply_to: Option<u32>,
    pub(crate) interface: String,
    /// The signal's name.
    pub(crate) member: String,
    pub(crate) error: String,
    pub(crate) body: Vec<Value>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    Answer,
    Error,
    Signal,
    #[default]
    Other,
}

const METHOD_CALL: u8 = 1;
const VERSION: u8 = 1;
/// More than any answer of systemd's.
const LENGTH_MAX: usize = 1 << 20;
/// What every message begins with, and the length of the fields that follow.
pub(super) const BEGINNING: usize = 16;

// Codes of header fields.
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

impl Call<'_> {
    /// The call as it is sent.
    pub(super) fn to_bytes(&self, serial: u32) -> Vec<u8> {
        let mut body = Vec::new();
        self.arguments
            .iter()
            .for_each(|value| value.write(&mut body));
        let signature: String = self.arguments.iter().map(Value::signature).collect();
        let field =
            |code, value: Value| Value::Struct(vec![Value::Byte(code), value.into_variant()]);
        let fields = vec![
            field(PATH, Value::ObjectPath(self.path.to_owned())),
            field(INTERFACE, Value::from(self.interface)),
            field(MEMBER, Value::from(self.method)),
            field(DESTINATION, Value::from(self.destination)),
            field(SIGNATURE, Value::Signature(signature)),
        ];
        let mut bytes = vec![b'l', METHOD_CALL, 0, VERSION];
        bytes.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(serial.to_le_bytes());
        Value::Array("(yv)".to_owned(), fields).write(&mut bytes);
        align(&mut bytes, 8);
        bytes.extend(body);
        bytes
    }
}

/// How long the message is that begins so; `None` when it is none, or too long.
pub(super) fn length(beginning: &[u8; BEGINNING]) -> Option<usize> {
    let mut reader = reader(beginning)?;
    reader.at = 4;
    let body = usize::try_from(reader.number()?).ok()?;
    reader.at = 12;
    let fields = usize::try_from(reader.number()?).ok()?;
    let head = BEGINNING.checked_add(fields)?.checked_next_multiple_of(8)?;
    head.checked_add(body)
        .filter(|length| *length <= LENGTH_MAX)
}

impl Message {
    /// Reads a whole message.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = reader(bytes)?;
        reader.at = 12;
        let Some(Value::Array(_, fields)) = reader.read_all("a(yv)")?.pop() else {
            return None;
        };
        let mut message = Self {
            kind: match bytes.get(1)? {
                2 => Kind::Answer,
                3 => Kind::Error,
                4 => Kind::Signal,
                _ => Kind::Other,
            },
            ..Self::default()
        };
        let mut signature = String::new();
        for field in fields {
            let Value::Struct(pair) = field else {
                return None;
            };
            let [Value::Byte(code), Value::Variant(value)] = pair.as_slice() else {
                return None;
            };
            let text = || value.as_text().map(str::to_owned).unwrap_or_default();
            match (code, value.as_ref()) {
                (&INTERFACE, _) => message.interface = text(),
                (&MEMBER, _) => message.member = text(),
                (&ERROR_NAME, _) => message.error = text(),
                (&SIGNATURE, _) => signature = text(),
                (&REPLY_SERIAL, Value::U32(serial)) => message.reply_to = Some(*serial),
                _ => {}
            }
        }
        reader.at = reader.at.next_multiple_of(8);
        // The alignment of the body counts from the message's beginning, which is the same.
        message.body = reader.read_all(&signature)?;
        Some(message)
    }
}

fn reader(bytes: &[u8]) -> Option<Reader<'_>> {
    let is_little = match bytes.first()? {
        b'l' => true,
        b'B' => false,
        _ => return None,
    };
    Some(Reader {
        bytes,
        at: 0,
        is_little,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_it_says_and_reads_back() {
        let call = Call {
            destination: "org.freedesktop.systemd1",
            path: "/org/freedesktop/systemd1",
            interface: "org.freedesktop.systemd1.Manager",
            method: "StopUnit",
            arguments: vec![Value::from("a.scope"), Value::from("replace")],
        };
        let bytes = call.to_bytes(3);
        let beginning = bytes.first_chunk().unwrap();
        assert_eq!(length(beginning), Some(bytes.len()));
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.member, "StopUnit");
        assert_eq!(message.body, call.arguments);
        assert_eq!(length(&[0xff; BEGINNING]), None);
    }
}
