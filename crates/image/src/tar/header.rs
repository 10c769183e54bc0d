//! The 512-byte header block: its fields, its numbers, its checksum.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The size of a block; content is padded to it.
pub(super) const BLOCK: usize = 512;

/// What is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends within a member.
    #[error("the archive ends in the middle of a member")]
    Truncated,
    /// A header's checksum is not that of its bytes.
    #[error("a header has a wrong checksum")]
    Checksum,
    /// A number in a header or a record is none, is negative, or is too large.
    #[error("the field {field} is not a number in its range")]
    Number {
        /// The field or the key.
        field: &'static str,
    },
    /// A PAX record without length, key or end of line, or with a null byte.
    #[error("a PAX record is malformed")]
    Pax,
    /// Only one block of zeros, and then something.
    #[error("a single block of zeros is followed by more members")]
    End,
    /// An extended header or a long name without a member behind it.
    #[error("an extended header belongs to no member")]
    Dangling,
    /// An extended header or long name of more than a mebibyte.
    #[error("an extended header is larger than 1 MiB")]
    TooLong,
    /// A map of a member with holes that does not fit it.
    #[error("the map of a member with holes does not fit it")]
    Sparse,
    /// A kind of member or a record that we do not know: guessing would be unsafe.
    #[error("{what} is not supported")]
    Unsupported {
        /// The type flag or the key.
        what: String,
    },
}

/// The offsets and lengths of the fields.
pub(super) mod field {
    pub(crate) type Field = (usize, usize, &'static str);

    pub(crate) const NAME: Field = (0, 100, "name");
    pub(crate) const MODE: Field = (100, 8, "mode");
    pub(crate) const UID: Field = (108, 8, "uid");
    pub(crate) const GID: Field = (116, 8, "gid");
    pub(crate) const SIZE: Field = (124, 12, "size");
    pub(crate) const MTIME: Field = (136, 12, "mtime");
    pub(crate) const CHECKSUM: Field = (148, 8, "checksum");
    pub(crate) const TYPE: Field = (156, 1, "type");
    pub(crate) const LINK: Field = (157, 100, "link name");
    pub(crate) const MAGIC: Field = (257, 8, "magic");
    pub(crate) const MAJOR: Field = (329, 8, "device major");
    pub(crate) const MINOR: Field = (337, 8, "device minor");
    pub(crate) const PREFIX: Field = (345, 155, "prefix");
}

use field::Field;

/// One header block.
#[derive(Clone)]
pub(super) struct Header(pub(super) [u8; BLOCK]);

impl Header {
    pub(super) fn zeroed() -> Self {
        Self([0; BLOCK])
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|&b| b == 0)
    }

    pub(super) fn bytes(&self, (offset, length, _): Field) -> &[u8] {
        self.0.get(offset..offset + length).unwrap_or_default()
    }

    /// Writes the beginning of a field; what does not fit is cut off.
    pub(super) fn set(&mut self, (offset, length, _): Field, value: &[u8]) {
        let length = length.min(value.len());
        if let (Some(to), Some(from)) =
            (self.0.get_mut(offset..offset + length), value.get(..length))
        {
            to.copy_from_slice(from);
        }
    }

    /// Writes an octal number with a null byte at the end; gives back false when it is too large.
    pub(super) fn set_number(&mut self, field: Field, value: u64) -> bool {
        let digits = field.1 - 1;
        let text = format!("{value:0digits$o}\0");
        if text.len() > field.1 {
            return false;
        }
        self.set(field, text.as_bytes());
        true
    }

    pub(super) fn set_checksum(&mut self) {
        let sum = self.checksum().0;
        // The historical form: six digits, a null byte, a space.
        self.set(field::CHECKSUM, format!("{sum:06o}\0 ").as_bytes());
    }

    /// The sum of the bytes, taken as unsigned and, as some old writers did, as signed ones.
    fn checksum(&self) -> (i64, i64) {
        let (start, length, _) = field::CHECKSUM;
        let mut sums = (0, 0);
        for (index, &byte) in self.0.iter().enumerate() {
            let byte = match (start..start + length).contains(&index) {
                true => b' ',
                false => byte,
            };
            sums.0 += i64::from(byte);
            sums.1 += i64::from(byte.cast_signed());
        }
        sums
    }

    pub(super) fn verify(&self) -> Result<(), Malformed> {
        let said = self.number(field::CHECKSUM)?;
        let (unsigned, signed) = self.checksum();
        match said == unsigned || said == signed {
            true => Ok(()),
            false => Err(Malformed::Checksum),
        }
    }

    /// A number: octal digits between spaces and null bytes, or GNU's base 256.
    pub(super) fn number(&self, field: Field) -> Result<i64, Malformed> {
        let malformed = Malformed::Number { field: field.2 };
        let bytes = self.bytes(field);
        match bytes.first() {
            Some(first) if first & 0x80 != 0 => base256(bytes).ok_or(malformed),
            _ => octal(bytes).ok_or(malformed),
        }
    }

    /// A string field, to its first null byte.
    pub(super) fn string(&self, field: Field) -> &[u8] {
        let bytes = self.bytes(field);
        bytes.split(|&b| b == 0).next().unwrap_or_default()
    }

    /// Whether it is of GNU's own format, in which further fields follow the device's.
    pub(super) fn is_gnu(&self) -> bool {
        self.bytes(field::MAGIC) == b"ustar  \0"
    }

    /// The name; the prefix counts in POSIX archives only, GNU has times at its place.
    pub(super) fn path(&self) -> PathBuf {
        let name = self.string(field::NAME);
        let prefix = self.string(field::PREFIX);
        if prefix.is_empty() || !self.bytes(field::MAGIC).starts_with(b"ustar\0") {
            return path(name.to_vec());
        }
        path([prefix, b"/", name].concat())
    }
}

pub(super) fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

fn octal(bytes: &[u8]) -> Option<i64> {
    let padding = |b: &u8| matches!(b, b' ' | 0);
    let start = bytes
        .iter()
        .position(|b| !padding(b))
        .unwrap_or(bytes.len());
    let digits = bytes.get(start..)?;
    let digits = digits.split(padding).next()?;
    digits.iter().try_fold(0i64, |value, &digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Two's complement, big-endian, below a marker bit.
fn base256(bytes: &[u8]) -> Option<i64> {
    let (&first, rest) = bytes.split_first()?;
    let negative = first & 0x40 != 0;
    let top = if negative { first | 0x80 } else { first & 0x7f };
    rest.iter()
        .try_fold(i64::from(top.cast_signed()), |value, &byte| {
            value.checked_mul(256)?.checked_add(i64::from(byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(octal(b" 644\0\0\0"), Some(0o644));
        assert_eq!(octal(b"\0\0\0\0"), Some(0));
        assert_eq!(octal(b"0000689\0"), None);
        assert_eq!(octal(b"-1\0"), None);
        assert_eq!(base256(b"\x80\0\0\x01\0"), Some(256));
        assert_eq!(base256(b"\xff\xff\xff\xff"), Some(-1));
        assert_eq!(
            base256(&[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            None
        );
    }

    #[test]
    fn a_changed_header_has_a_wrong_checksum() {
        let mut header = Header::zeroed();
        header.set(field::NAME, b"a");
        header.set_checksum();
        assert_eq!(header.verify(), Ok(()));
        header.set(field::NAME, b"b");
        assert_eq!(header.verify(), Err(Malformed::Checksum));
    }
}
