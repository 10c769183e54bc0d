//! Writing an archive: the same members in the same order give the same bytes.

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;

use super::header::{BLOCK, Header, field};
use super::{Entry, Kind, pax};

/// An archive being written.
pub struct Writer<W> {
    stream: W,
}

impl<W: Write> Writer<W> {
    /// Writes to `stream`, which should be buffered.
    pub fn new(stream: W) -> Self {
        Self { stream }
    }

    /// Writes a member, with `entry.size` bytes of content if it is a file.
    ///
    /// # Errors
    /// Those of both streams; `UnexpectedEof` when the content is shorter than said.
    pub fn append(&mut self, entry: &Entry, content: impl Read) -> io::Result<()> {
        let size = match entry.kind {
            Kind::File => entry.size,
            _ => 0,
        };
        let (header, records) = describe(entry, size);
        if !records.is_empty() {
            self.write_extension(entry, &pax::write(&records))?;
        }
        self.stream.write_all(&header.0)?;
        if io::copy(&mut content.take(size), &mut self.stream)? != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.pad(size)
    }

    /// Writes the end of the archive and gives back the stream.
    ///
    /// # Errors
    /// The stream's.
    pub fn finish(mut self) -> io::Result<W> {
        self.stream.write_all(&[0; 2 * BLOCK])?;
        self.stream.flush()?;
        Ok(self.stream)
    }

    fn write_extension(&mut self, entry: &Entry, records: &[u8]) -> io::Result<()> {
        let mut header = Header::zeroed();
        let name = entry.path.file_name().unwrap_or_default().as_bytes();
        header.set(field::NAME, &[b"PaxHeaders.0/", name].concat());
        header.set(field::TYPE, b"x");
        // Records are held in memory, so the number always fits.
        header.set_number(field::SIZE, records.len() as u64);
        for unused in [field::MODE, field::UID, field::GID, field::MTIME] {
            header.set_number(unused, 0);
        }
        header.set(field::MAGIC, b"ustar\x0000");
        header.set_checksum();
        self.stream.write_all(&header.0)?;
        self.stream.write_all(records)?;
        self.pad(records.len() as u64)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let used = usize::try_from(size % BLOCK as u64).unwrap_or_default();
        let padding = [0; BLOCK];
        self.stream
            .write_all(padding.get(used..).filter(|_| used > 0).unwrap_or_default())
    }
}

/// The header of a member, and the PAX records for what does not fit into it.
fn describe(entry: &Entry, size: u64) -> (Header, Vec<pax::Record>) {
    let mut header = Header::zeroed();
    let mut records = Vec::new();
    let mut path = entry.path.as_os_str().as_bytes().to_vec();
    if entry.kind == Kind::Directory && !path.ends_with(b"/") {
        path.push(b'/');
    }
    text(&mut header, &mut records, (field::NAME, b"path"), &path);
    if let Kind::HardLink(target) | Kind::SymbolicLink(target) = &entry.kind {
        let target = target.as_os_str().as_bytes();
        text(
            &mut header,
            &mut records,
            (field::LINK, b"linkpath"),
            target,
        );
    }
    header.set_number(field::MODE, u64::from(entry.mode));
    for (field, key, value) in [
        (field::UID, "uid", u64::from(entry.uid)),
        (field::GID, "gid", u64::from(entry.gid)),
        (field::SIZE, "size", size),
    ] {
        if !header.set_number(field, value) {
            header.set_number(field, 0);
            records.push((key.into(), value.to_string().into()));
        }
    }
    let (seconds, nanos) = entry.mtime;
    let plain = u64::try_from(seconds).is_ok_and(|value| header.set_number(field::MTIME, value));
    if !plain {
        header.set_number(field::MTIME, 0);
    }
    if !plain || nanos != 0 {
        records.push((b"mtime".to_vec(), decimal(seconds, nanos).into_bytes()));
    }
    for (name, value) in &entry.xattrs {
        records.push((pax::xattr_key(name.as_bytes()), value.clone()));
    }
    header.set(field::TYPE, &[type_flag(&entry.kind)]);
    header.set(field::MAGIC, b"ustar\x0000");
    if let Kind::CharacterDevice(major, minor) | Kind::BlockDevice(major, minor) = entry.kind {
        header.set_number(field::MAJOR, u64::from(major));
        header.set_number(field::MINOR, u64::from(minor));
    }
    header.set_checksum();
    (header, records)
}

/// Sets a string field, with a record if it is too long.
fn text(
    header: &mut Header,
    records: &mut Vec<pax::Record>,
    (field, key): (field::Field, &[u8]),
    value: &[u8],
) {
    header.set(field, value);
    if value.len() > field.1 {
        records.push((key.to_vec(), value.to_vec()));
    }
}

/// Seconds with a fraction, where the nanoseconds count upwards from the seconds.
fn decimal(seconds: i64, nanos: u32) -> String {
    match (seconds, nanos) {
        (_, 0) => seconds.to_string(),
        (0.., _) => format!("{seconds}.{nanos:09}"),
        (-1, _) => format!("-0.{:09}", 1_000_000_000 - nanos),
        _ => format!("{}.{:09}", seconds + 1, 1_000_000_000 - nanos),
    }
}

fn type_flag(kind: &Kind) -> u8 {
    match kind {
        Kind::File => b'0',
        Kind::HardLink(_) => b'1',
        Kind::SymbolicLink(_) => b'2',
        Kind::CharacterDevice(..) => b'3',
        Kind::BlockDevice(..) => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    }
}
