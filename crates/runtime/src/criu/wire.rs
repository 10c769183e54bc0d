//! Protocol buffers, as far as CRIU's messages need them: numbers, strings and messages, each under
//! the number of its field.

use rustix::io::Errno;

/// A message being written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A number; negative ones take ten bytes, as the format has it.
    pub(super) fn number(&mut self, field: u32, value: i64) -> &mut Self {
        self.varint(u64::from(field) << 3);
        self.varint(value.cast_unsigned());
        self
    }

    /// True; false is what an absent field is.
    pub(super) fn flag(&mut self, field: u32, value: bool) -> &mut Self {
        match value {
            true => self.number(field, 1),
            false => self,
        }
    }

    pub(super) fn text(&mut self, field: u32, value: &str) -> &mut Self {
        self.block(field, value.as_bytes())
    }

    pub(super) fn message(&mut self, field: u32, value: &Message) -> &mut Self {
        self.block(field, &value.0)
    }

    fn block(&mut self, field: u32, bytes: &[u8]) -> &mut Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push((value & 0x7f) as u8);
    }
}

/// The value of a field that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Number(u64),
    Block(&'a [u8]),
}

/// The fields of a message in their order; those of other kinds are passed over.
///
/// # Errors
/// `PROTO` when it ends in the middle.
pub(super) fn fields(mut bytes: &[u8]) -> Result<Vec<(u64, Field<'_>)>, Errno> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = read_varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Some(Field::Number(read_varint(&mut bytes)?)),
            1 => take(&mut bytes, 8).map(|_| None)?,
            2 => {
                let length = read_varint(&mut bytes)?;
                let length = usize::try_from(length).map_err(|_| Errno::PROTO)?;
                Some(Field::Block(take(&mut bytes, length)?))
            }
            5 => take(&mut bytes, 4).map(|_| None)?,
            _ => return Err(Errno::PROTO),
        };
        found.extend(value.map(|value| (key >> 3, value)));
    }
    Ok(found)
}

fn read_varint(bytes: &mut &[u8]) -> Result<u64, Errno> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Errno::PROTO)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Errno> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Errno::PROTO)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut inner = Message::default();
        inner.text(1, "ä").number(2, 300);
        let mut message = Message::default();
        message.flag(3, true).flag(4, false).message(5, &inner);
        let read = fields(message.bytes()).unwrap();
        assert_eq!(read[0], (3, Field::Number(1)));
        let Field::Block(block) = read[1].1 else {
            panic!("{read:?}")
        };
        let expected = [(1, Field::Block("ä".as_bytes())), (2, Field::Number(300))];
        assert_eq!(fields(block).unwrap(), expected);
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let mut message = Message::default();
        message.number(1, 150).text(2, "testing").number(3, -1);
        let text = b"\x08\x96\x01\x12\x07testing\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(message.bytes(), text);
    }

    #[test]
    fn a_message_that_ends_early_is_refused() {
        for bytes in [
            &b"\x08"[..],
            b"\x12\x07test",
            b"\x0b",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(fields(bytes), Err(Errno::PROTO), "{bytes:?}");
        }
    }
}
