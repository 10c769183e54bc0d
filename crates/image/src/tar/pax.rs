//! PAX records: `<length> <key>=<value>\n`, which overrule the header that follows them.
//!
//! Source: POSIX.1-2017 pax, "pax Extended Header"; Go's `archive/tar`, `mergePAX` and
//! `validPAXRecord`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::header::{Malformed, path};
use super::{Entry, Kind, sparse};

/// The prefix of extended attributes.
const XATTR: &[u8] = b"SCHILY.xattr.";
/// Of members with holes: an unknown record could change the name, size or content of one.
const SPARSE: &[u8] = b"GNU.sparse.";
const SPARSE_KEYS: [&[u8]; 7] = [
    b"GNU.sparse.major",
    b"GNU.sparse.map",
    b"GNU.sparse.minor",
    b"GNU.sparse.name",
    b"GNU.sparse.numblocks",
    b"GNU.sparse.realsize",
    b"GNU.sparse.size",
];

/// A key and its value.
pub(super) type Record = (Vec<u8>, Vec<u8>);

/// Records by their key; an empty value takes back what the header says.
pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

pub(super) fn parse(mut bytes: &[u8]) -> Result<Records, Malformed> {
    let mut records = Records::new();
    while !bytes.is_empty() {
        let (record, rest) = split(bytes).ok_or(Malformed::Pax)?;
        let equals = record
            .iter()
            .position(|&b| b == b'=')
            .ok_or(Malformed::Pax)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let no_null = match key {
            b"path" | b"linkpath" | b"uname" | b"gname" => !value.contains(&0),
            _ => !key.contains(&0),
        };
        if key.is_empty() || !no_null {
            return Err(Malformed::Pax);
        }
        bytes = rest;
        if sparse::collect(&mut records, key, value)? {
            continue;
        }
        if key.starts_with(SPARSE) && !SPARSE_KEYS.contains(&key) {
            return Err(unsupported(key));
        }
        records.insert(key.to_vec(), value.to_vec());
    }
    Ok(records)
}

/// The first record without its length and end of line, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|&b| b == b' ')?;
    let digits = std::str::from_utf8(bytes.get(..space)?).ok()?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let length: usize = digits.parse().ok()?;
    let record = bytes.get(space + 1..length)?;
    Some((record.strip_suffix(b"\n")?, bytes.get(length..)?))
}

/// Lets the records overrule what the header says.
pub(super) fn overrule(entry: &mut Entry, records: &Records) -> Result<(), Malformed> {
    for (key, value) in records {
        if let Some(name) = key.strip_prefix(XATTR) {
            entry
                .xattrs
                .insert(OsString::from_vec(name.to_vec()), value.clone());
            continue;
        }
        if value.is_empty() {
            continue;
        }
        match key.as_slice() {
            b"path" => entry.path = path(value.clone()),
            b"linkpath" => match &mut entry.kind {
                Kind::HardLink(target) | Kind::SymbolicLink(target) => {
                    *target = path(value.clone());
                }
                _ => {}
            },
            b"size" => entry.size = number(value, "size")?,
            b"uid" => entry.uid = id(value, "uid")?,
            b"gid" => entry.gid = id(value, "gid")?,
            b"mtime" => entry.mtime = time(value)?,
            // Times, names of owners, comments: nothing that we keep.
            _ => {}
        }
    }
    Ok(())
}

/// A global header may comment; it may not describe members.
pub(super) fn check_global(records: &Records) -> Result<(), Malformed> {
    let describes = |key: &&Vec<u8>| {
        let known: [&[u8]; 6] = [b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime"];
        known.contains(&key.as_slice()) || key.starts_with(XATTR) || key.starts_with(SPARSE)
    };
    match records.keys().find(describes) {
        Some(key) => Err(Malformed::Unsupported {
            what: format!("the global PAX record {}", String::from_utf8_lossy(key)),
        }),
        None => Ok(()),
    }
}

/// The records of an extended header, in order.
pub(super) fn write(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        // The length counts its own digits.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length.to_string().len() + rest != length {
            length = length.to_string().len() + rest;
        }
        bytes.extend_from_slice(format!("{length} ").as_bytes());
        bytes.extend_from_slice(key);
        bytes.push(b'=');
        bytes.extend_from_slice(value);
        bytes.push(b'\n');
    }
    bytes
}

pub(super) fn xattr_key(name: &[u8]) -> Vec<u8> {
    [XATTR, name].concat()
}

fn unsupported(key: &[u8]) -> Malformed {
    Malformed::Unsupported {
        what: format!("the PAX record {}", String::from_utf8_lossy(key)),
    }
}

fn number<T: std::str::FromStr>(value: &[u8], field: &'static str) -> Result<T, Malformed> {
    std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(Malformed::Number { field })
}

/// An id; the last one means "no id" to the kernel.
fn id(value: &[u8], field: &'static str) -> Result<u32, Malformed> {
    match number(value, field)? {
        u32::MAX => Err(Malformed::Number { field }),
        id => Ok(id),
    }
}

/// Seconds with an optional sign and fraction, rounded down to nanoseconds.
fn time(value: &[u8]) -> Result<(i64, u32), Malformed> {
    let malformed = || Malformed::Number { field: "mtime" };
    let text = std::str::from_utf8(value).map_err(|_| malformed())?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed());
    }
    let seconds: i64 = seconds.parse().map_err(|_| malformed())?;
    let nanos: u32 = format!("{fraction:0<9}")
        .get(..9)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(malformed)?;
    match text.starts_with('-') && nanos > 0 {
        true => Ok((
            seconds.checked_sub(1).ok_or_else(malformed)?,
            1_000_000_000 - nanos,
        )),
        false => Ok((seconds, nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [1, 5, 85, 90, 95, 985, 990, 995] {
            let record = (b"path".to_vec(), vec![b'x'; length]);
            let records = parse(&write(std::slice::from_ref(&record))).unwrap();
            assert_eq!(records.get(&record.0), Some(&record.1));
        }
    }

    #[test]
    fn a_malformed_record_is_an_error_and_never_skipped() {
        for text in [
            &b"8 path=x\n"[..],
            b"11 path=x\n",
            b"9 path=x\n1",
            b"9 path=xx",
            b"x path=x\n",
            b"+10 path=x\n",
            b"7 path\n",
            b"5 =x\n",
            b"9 path=\0\n",
            b"99999999999999999999999 path=x\n",
        ] {
            assert_eq!(
                parse(text),
                Err(Malformed::Pax),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }

    #[test]
    fn an_unknown_record_of_holes_and_a_global_size_are_refused() {
        assert!(matches!(
            parse(b"22 GNU.sparse.other=1\n"),
            Err(Malformed::Unsupported { .. })
        ));
        let global = parse(b"9 size=5\n").unwrap();
        assert!(check_global(&global).is_err());
        let global = parse(b"22 GNU.sparse.major=1\n").unwrap();
        assert!(check_global(&global).is_err());
        assert!(check_global(&parse(b"13 comment=x\n").unwrap()).is_ok());
    }

    #[test]
    fn times_before_1970_and_fractions_are_read() {
        assert_eq!(time(b"1.5"), Ok((1, 500_000_000)));
        assert_eq!(time(b"-1.25"), Ok((-2, 750_000_000)));
        assert_eq!(time(b"7"), Ok((7, 0)));
        assert!(time(b"1.").is_err());
        assert!(time(b"1e3").is_err());
    }
}
