//! GNU tar's members with holes, in all the forms that it writes: a map in the header (old GNU), in
//! PAX records (0.0 and 0.1) or before the content (1.0). Only what lies between the holes is in
//! the archive.
//!
//! Source: GNU tar manual, "Storing Sparse Files"; Go's `archive/tar`, `readGNUSparsePAXHeaders`
//! and `validateSparseEntries`, whose rules these are.

use super::header::{BLOCK, Header, Malformed, field, path};
use super::pax::Records;
use std::path::PathBuf;

const MAP: &[u8] = b"GNU.sparse.map";
const NAME: &[u8] = b"GNU.sparse.name";
/// In the header of the old form.
const IN_HEADER: usize = 4;
/// In a block that continues it.
const IN_BLOCK: usize = 21;
const ENTRY: usize = 24;

/// Begin and length of each part of a file that is no hole, in order.
pub(super) type Parts = Vec<(u64, u64)>;

/// Where the content of a member lies in the file.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    parts: Parts,
    /// The part that is read.
    current: usize,
    position: u64,
    size: u64,
}

/// What PAX records say about holes.
pub(super) enum Said {
    Nothing,
    /// All of it: what lies where, the size, and the name.
    Map(Sparse, Option<PathBuf>),
    /// That the map comes first in the content.
    InContent(u64, Option<PathBuf>),
}

impl Sparse {
    /// A map; it must be in order, within the file, and for just what is `stored`.
    pub(super) fn new(parts: Parts, size: u64, stored: u64) -> Result<Self, Malformed> {
        let mut end = 0;
        let mut sum: u64 = 0;
        for (begin, length) in &parts {
            if *begin < end {
                return Err(Malformed::Sparse);
            }
            end = begin.checked_add(*length).ok_or(Malformed::Sparse)?;
            sum = sum.checked_add(*length).ok_or(Malformed::Sparse)?;
        }
        match end <= size && sum == stored {
            true => Ok(Self {
                parts,
                size,
                ..Self::default()
            }),
            false => Err(Malformed::Sparse),
        }
    }

    /// The size of the file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// How many zeros come next that are not in the archive.
    pub(super) fn hole(&mut self) -> u64 {
        while let Some((begin, length)) = self.parts.get(self.current) {
            match begin.checked_sub(self.position) {
                Some(hole) if hole > 0 => return hole,
                _ if self.position < begin + length => return 0,
                _ => self.current += 1,
            }
        }
        self.size - self.position
    }

    /// How many bytes come next that are in the archive; there is no hole.
    pub(super) fn content(&self) -> u64 {
        let part = self.parts.get(self.current);
        part.map_or(0, |(begin, length)| begin + length - self.position)
    }

    pub(super) fn pass(&mut self, count: u64) {
        self.position += count;
    }
}

/// What records say. They overrule the name; the caller knows what is stored.
pub(super) fn of_records(records: &Records, stored: u64) -> Result<Said, Malformed> {
    let get = |name: &[u8]| records.get(name).filter(|value| !value.is_empty());
    let version = (get(b"GNU.sparse.major"), get(b"GNU.sparse.minor"));
    let name = get(NAME).map(|name| path(name.clone()));
    let size = get(b"GNU.sparse.size").or_else(|| get(b"GNU.sparse.realsize"));
    let size = || decimal(size.ok_or(Malformed::Sparse)?);
    match version {
        (Some(major), Some(minor)) if major == b"1" && minor == b"0" => {
            Ok(Said::InContent(size()?, name))
        }
        (Some(major), Some(minor)) if major != b"0" || !matches!(&minor[..], b"0" | b"1") => {
            Err(Malformed::Unsupported {
                what: "a version of GNU's sparse members other than 0.0, 0.1 and 1.0".to_owned(),
            })
        }
        _ => match get(MAP) {
            None => Ok(Said::Nothing),
            Some(map) => {
                let mut numbers = Vec::new();
                for number in map.split(|byte| *byte == b',') {
                    numbers.push(decimal(number)?);
                }
                let count = get(b"GNU.sparse.numblocks").map(|count| decimal(count));
                let is_counted = count
                    .transpose()?
                    .is_none_or(|c| c == numbers.len() as u64 / 2);
                if numbers.len() % 2 != 0 || !is_counted {
                    return Err(Malformed::Sparse);
                }
                Ok(Said::Map(
                    Sparse::new(pairs(&numbers), size()?, stored)?,
                    name,
                ))
            }
        },
    }
}

/// Takes one of the records of form 0.0, which come in pairs, into the map that form 0.1 has.
pub(super) fn collect(records: &mut Records, key: &[u8], value: &[u8]) -> Result<bool, Malformed> {
    let (is_begin, is_length) = (key == b"GNU.sparse.offset", key == b"GNU.sparse.numbytes");
    if !is_begin && !is_length {
        return Ok(false);
    }
    let map = records.entry(MAP.to_vec()).or_default();
    let before = map.iter().filter(|byte| **byte == b',').count() + usize::from(!map.is_empty());
    if (before % 2 == 0) != is_begin || value.contains(&b',') {
        return Err(Malformed::Sparse);
    }
    if !map.is_empty() {
        map.push(b',');
    }
    map.extend_from_slice(value);
    Ok(true)
}

/// The parts in a header of the old form, whether blocks with more follow, and the file's size.
pub(super) fn of_header(header: &Header) -> Result<(Parts, bool, u64), Malformed> {
    let (parts, more) = entries(header, 386, IN_HEADER)?;
    Ok((parts, more, unsigned(header, (483, 12, "real size"))?))
}

/// The parts in a block that continues such a header, and whether another one follows.
pub(super) fn of_block(block: &Header) -> Result<(Parts, bool), Malformed> {
    entries(block, 0, IN_BLOCK)
}

fn entries(header: &Header, at: usize, most: usize) -> Result<(Parts, bool), Malformed> {
    let mut parts = Vec::new();
    for number in 0..most {
        let begin = at + number * ENTRY;
        if header.bytes((begin, 1, "offset")) == [0] {
            break;
        }
        parts.push((
            unsigned(header, (begin, 12, "offset"))?,
            unsigned(header, (begin + 12, 12, "length"))?,
        ));
    }
    let flag = header.bytes((at + most * ENTRY, 1, "extended"));
    Ok((parts, flag != [0]))
}

fn unsigned(header: &Header, field: field::Field) -> Result<u64, Malformed> {
    u64::try_from(header.number(field)?).map_err(|_| Malformed::Sparse)
}

/// How many lines the map of form 1.0 has, as its first one says; nothing while that is not whole.
pub(super) fn lines_of_content(bytes: &[u8]) -> Result<Option<u64>, Malformed> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return match bytes.len() < BLOCK {
            true => Ok(None),
            false => Err(Malformed::Sparse),
        };
    };
    let count = decimal(bytes.get(..end).unwrap_or_default())?;
    let lines = count.checked_mul(2).and_then(|lines| lines.checked_add(1));
    lines.map(Some).ok_or(Malformed::Sparse)
}

/// The map of form 1.0, all of whose lines are there.
pub(super) fn of_content(bytes: &[u8], lines: u64) -> Result<Parts, Malformed> {
    let most = usize::try_from(lines).map_err(|_| Malformed::Sparse)?;
    let lines = bytes.split(|byte| *byte == b'\n').take(most).skip(1);
    let numbers: Vec<u64> = lines.map(decimal).collect::<Result<_, _>>()?;
    Ok(pairs(&numbers))
}

fn pairs(numbers: &[u64]) -> Parts {
    let pairs = numbers.chunks_exact(2);
    pairs
        .filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)))
        .collect()
}

fn decimal(text: &[u8]) -> Result<u64, Malformed> {
    std::str::from_utf8(text)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(Malformed::Sparse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_must_fit_the_file_and_what_is_stored() {
        assert!(Sparse::new(vec![(0, 2), (4, 2)], 9, 4).is_ok());
        for (parts, size, stored) in [
            (vec![(4, 2), (0, 2)], 9, 4),
            (vec![(0, 3), (2, 1)], 9, 4),
            (vec![(0, 2), (8, 2)], 9, 4),
            (vec![(0, 2)], 9, 4),
            (vec![(u64::MAX, 2)], u64::MAX, 2),
        ] {
            assert!(
                Sparse::new(parts.clone(), size, stored).is_err(),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn a_map_in_the_content_says_how_long_it_is() {
        assert_eq!(lines_of_content(b"1"), Ok(None));
        assert_eq!(lines_of_content(b"1\n5\n7"), Ok(Some(3)));
        assert_eq!(of_content(b"1\n5\n7\n\0\0", 3), Ok(vec![(5, 7)]));
        assert_eq!(of_content(b"0\n\0", 1), Ok(vec![]));
        assert!(of_content(b"1\nx\n7\n", 3).is_err());
        assert!(lines_of_content(&[b'1'; 600]).is_err());
        assert!(lines_of_content(b"18446744073709551615\n").is_err());
    }
}
