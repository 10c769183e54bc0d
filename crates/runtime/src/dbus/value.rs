//! Values of D-Bus: their signatures, and how they stand in a message.

/// A value of any type but a dictionary, which nothing here needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Byte(u8),
    Bool(bool),
    I16(i16),
    U16(u16),
    I32(i32),
    U32(u32),
    I64(i64),
    U64(u64),
    Double(f64),
    Text(String),
    ObjectPath(String),
    Signature(String),
    /// The signature of the elements, and the elements.
    Array(String, Vec<Value>),
    Struct(Vec<Value>),
    Variant(Box<Value>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Value {
    /// The value in a variant.
    pub(crate) fn into_variant(self) -> Self {
        Self::Variant(Box::new(self))
    }

    /// The text, if it is one, also of an object's path.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::ObjectPath(text) | Self::Signature(text) => Some(text),
            Self::Variant(inner) => inner.as_text(),
            _ => None,
        }
    }

    pub(crate) fn signature(&self) -> String {
        let letter = match self {
            Self::Byte(_) => "y",
            Self::Bool(_) => "b",
            Self::I16(_) => "n",
            Self::U16(_) => "q",
            Self::I32(_) => "i",
            Self::U32(_) => "u",
            Self::I64(_) => "x",
            Self::U64(_) => "t",
            Self::Double(_) => "d",
            Self::Text(_) => "s",
            Self::ObjectPath(_) => "o",
            Self::Signature(_) => "g",
            Self::Variant(_) => "v",
            Self::Array(element, _) => return format!("a{element}"),
            Self::Struct(fields) => {
                let fields: String = fields.iter().map(Self::signature).collect();
                return format!("({fields})");
            }
        };
        letter.to_owned()
    }

    /// Appends the value; `out` begins where the alignment counts from.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        align(out, alignment(&self.signature()));
        match self {
            Self::Byte(value) => out.push(*value),
            Self::Bool(value) => out.extend(u32::from(*value).to_le_bytes()),
            Self::I16(value) => out.extend(value.to_le_bytes()),
            Self::U16(value) => out.extend(value.to_le_bytes()),
            Self::I32(value) => out.extend(value.to_le_bytes()),
            Self::U32(value) => out.extend(value.to_le_bytes()),
            Self::I64(value) => out.extend(value.to_le_bytes()),
            Self::U64(value) => out.extend(value.to_le_bytes()),
            Self::Double(value) => out.extend(value.to_le_bytes()),
            Self::Text(text) | Self::ObjectPath(text) => {
                out.extend(length(text.len()));
                out.extend(text.bytes());
                out.push(0);
            }
            Self::Signature(text) => write_signature(text, out),
            Self::Variant(inner) => {
                write_signature(&inner.signature(), out);
                inner.write(out);
            }
            Self::Struct(fields) => fields.iter().for_each(|field| field.write(out)),
            Self::Array(element, values) => write_array(element, values, out),
        }
    }
}

fn write_signature(signature: &str, out: &mut Vec<u8>) {
    out.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
    out.extend(signature.bytes());
    out.push(0);
}

/// The length leaves out the padding before the first element.
fn write_array(element: &str, values: &[Value], out: &mut Vec<u8>) {
    let place = out.len();
    out.extend([0; 4]);
    align(out, alignment(element));
    let first = out.len();
    values.iter().for_each(|value| value.write(out));
    let written = length(out.len() - first);
    if let Some(field) = out.get_mut(place..place + 4) {
        field.copy_from_slice(&written);
    }
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

pub(super) fn align(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

/// Where a type may stand, by the first letter of its signature.
fn alignment(signature: &str) -> usize {
    match signature.bytes().next() {
        Some(b'n' | b'q') => 2,
        Some(b'b' | b'i' | b'u' | b's' | b'o' | b'a') => 4,
        Some(b'x' | b't' | b'd' | b'(' | b'{') => 8,
        _ => 1,
    }
}

/// Reads values from a message of either byte order.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) is_little: bool,
}

/// Deeper than any answer of systemd's.
const DEPTH_MAX: usize = 8;

impl Reader<'_> {
    /// The values of a whole signature; `None` when the bytes do not hold them.
    pub(super) fn read_all(&mut self, signature: &str) -> Option<Vec<Value>> {
        let mut rest = signature;
        let mut values = Vec::new();
        while !rest.is_empty() {
            values.push(self.read(&mut rest, 0)?);
        }
        Some(values)
    }

    /// Reads one value and takes its type from the signature.
    fn read(&mut self, signature: &mut &str, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.at = self.at.next_multiple_of(alignment(signature));
        let (kind, rest) = signature.split_at_checked(1)?;
        *signature = rest;
        Some(match kind {
            "y" => Value::Byte(u8::from_le_bytes(self.take()?)),
            "b" => Value::Bool(self.number()? != 0),
            "n" => Value::I16(self.ordered().map(i16::from_le_bytes)?),
            "q" => Value::U16(self.ordered().map(u16::from_le_bytes)?),
            "i" => Value::I32(self.ordered().map(i32::from_le_bytes)?),
            "u" => Value::U32(self.number()?),
            "x" => Value::I64(self.ordered().map(i64::from_le_bytes)?),
            "t" => Value::U64(self.ordered().map(u64::from_le_bytes)?),
            "d" => Value::Double(self.ordered().map(f64::from_le_bytes)?),
            "s" => Value::Text(self.text()?),
            "o" => Value::ObjectPath(self.text()?),
            "g" => Value::Signature(self.signature()?),
            "v" => {
                let inner = self.signature()?;
                self.read(&mut inner.as_str(), depth + 1)?.into_variant()
            }
            "a" => self.array(signature, depth)?,
            "(" => {
                let mut fields = Vec::new();
                while !signature.starts_with(')') {
                    fields.push(self.read(signature, depth + 1)?);
                }
                *signature = signature.get(1..)?;
                Value::Struct(fields)
            }
            _ => return None,
        })
    }

    fn array(&mut self, signature: &mut &str, depth: usize) -> Option<Value> {
        let length = usize::try_from(self.number()?).ok()?;
        let whole = *signature;
        self.at = self.at.next_multiple_of(alignment(whole));
        let end = self.at.checked_add(length)?;
        let mut values = Vec::new();
        if length == 0 {
            *signature = skip_type(whole)?;
        }
        while self.at < end {
            *signature = whole;
            values.push(self.read(signature, depth + 1)?);
        }
        let element = whole.strip_suffix(*signature)?.to_owned();
        (self.at == end).then_some(Value::Array(element, values))
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        self.ordered().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        self.string(length)
    }

    fn signature(&mut self) -> Option<String> {
        let [length] = self.take()?;
        self.string(usize::from(length))
    }

    /// Text with the null byte after it.
    fn string(&mut self, length: usize) -> Option<String> {
        let end = self.at.checked_add(length)?;
        let text = self.bytes.get(self.at..end)?;
        self.at = end.checked_add(1)?;
        String::from_utf8(text.to_vec()).ok()
    }

    /// The bytes of a number, the least significant first.
    fn ordered<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = self.take::<N>()?;
        if !self.is_little {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(N)?)?;
        self.at += N;
        bytes.try_into().ok()
    }
}

/// What follows the first complete type of a signature.
fn skip_type(signature: &str) -> Option<&str> {
    let rest = signature.get(1..)?;
    match signature.bytes().next()? {
        b'a' => skip_type(rest),
        b'(' => {
            let mut rest = rest;
            while !rest.starts_with(')') {
                rest = skip_type(rest)?;
            }
            rest.get(1..)
        }
        _ => Some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_were_written() {
        let values = vec![
            Value::Byte(7),
            Value::Bool(true),
            Value::I16(-2),
            Value::U64(u64::MAX),
            Value::Double(1.5),
            Value::from("text"),
            Value::Array(
                "(sv)".into(),
                vec![Value::Struct(vec![
                    Value::from("Slice"),
                    Value::from("system.slice").into_variant(),
                ])],
            ),
            Value::Array("t".into(), Vec::new()),
            Value::U32(3).into_variant(),
        ];
        let signature: String = values.iter().map(Value::signature).collect();
        assert_eq!(signature, "ybntdsa(sv)atv");
        let mut bytes = Vec::new();
        values.iter().for_each(|value| value.write(&mut bytes));
        let mut reader = Reader {
            bytes: &bytes,
            at: 0,
            is_little: true,
        };
        assert_eq!(reader.read_all(&signature), Some(values));
        assert_eq!(reader.at, bytes.len());
        for length in 0..bytes.len() {
            let mut reader = Reader {
                bytes: &bytes[..length],
                at: 0,
                is_little: true,
            };
            assert_eq!(reader.read_all(&signature), None, "{length}");
        }
    }

    #[test]
    fn hostile_bytes_end_the_reading() {
        let mut reader = Reader {
            bytes: &[0xff; 64],
            at: 0,
            is_little: true,
        };
        assert_eq!(reader.read_all("as"), None);
        assert_eq!(reader.read_all(&"v".repeat(20)), None);
        assert_eq!(reader.read_all("("), None);
    }
}
