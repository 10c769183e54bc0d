//! Reading an archive, member by member.

use std::io::{self, Read};
use std::path::PathBuf;

use super::header::{BLOCK, Header, Malformed, field, path};
use super::pax::{self, Records};
use super::sparse::{self, Said, Sparse};
use super::{Entry, Kind};

/// Extended headers and long names are held in memory.
const LARGEST_EXTENSION: u64 = 1 << 20;

/// Why an archive cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream below failed.
    #[error(transparent)]
    Stream(io::Error),
    /// The archive is wrong.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// An archive being read. Reading from it gives the content of the member that [`Reader::next`]
/// gave last.
pub struct Reader<R> {
    stream: R,
    /// Of the current member's content.
    remaining: u64,
    /// To the end of its last block.
    padding: u64,
    /// Where the current member's content lies, if it has holes.
    sparse: Option<Sparse>,
    ended: bool,
}

/// What extensions say about the member that follows.
#[derive(Default)]
struct Extensions {
    records: Option<Records>,
    name: Option<PathBuf>,
    link: Option<PathBuf>,
}

impl<R: Read> Reader<R> {
    /// Reads the archive that `stream` holds.
    pub fn new(stream: R) -> Self {
        Self {
            stream,
            remaining: 0,
            padding: 0,
            sparse: None,
            ended: false,
        }
    }

    /// The stream below, which may hold more bytes after the archive's end.
    pub fn into_inner(self) -> R {
        self.stream
    }

    /// The stream below, for whoever skips the content of a member in a faster way, and says so
    /// with [`Reader::skipped`].
    pub(crate) fn stream_mut(&mut self) -> &mut R {
        &mut self.stream
    }

    /// The content of the current member was skipped on the stream below.
    pub(crate) fn skipped(&mut self) {
        self.remaining = 0;
    }

    /// The next member; what was not read of the content of the one before is skipped.
    ///
    /// # Errors
    /// Whatever is wrong; nothing sensible comes after an error.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        let mut extensions = Extensions::default();
        let mut extended = false;
        loop {
            let Some(header) = self.next_header()? else {
                return match extended {
                    true => Err(Malformed::Dangling.into()),
                    false => Ok(None),
                };
            };
            match header.bytes(field::TYPE).first() {
                Some(b'x') => {
                    extensions.records = Some(pax::parse(&self.extension(&header)?)?);
                }
                Some(b'g') => {
                    pax::check_global(&pax::parse(&self.extension(&header)?)?)?;
                    continue;
                }
                Some(b'L') => extensions.name = Some(self.long_name(&header)?),
                Some(b'K') => extensions.link = Some(self.long_name(&header)?),
                _ => return self.member(&header, extensions).map(Some),
            }
            extended = true;
        }
    }

    /// Skips to the next header; `None` at the end.
    fn next_header(&mut self) -> Result<Option<Header>, ReadError> {
        let rest = self.remaining + self.padding;
        if io::copy(&mut (&mut self.stream).take(rest), &mut io::sink()).map_err(stream_error)?
            != rest
        {
            return Err(Malformed::Truncated.into());
        }
        (self.remaining, self.padding) = (0, 0);
        self.sparse = None;
        if self.ended {
            return Ok(None);
        }
        let Some(header) = self.block()? else {
            self.ended = true;
            return Ok(None);
        };
        if !header.is_zero() {
            header.verify()?;
            return Ok(Some(header));
        }
        self.ended = true;
        match self.block()? {
            Some(second) if !second.is_zero() => Err(Malformed::End.into()),
            _ => Ok(None),
        }
    }

    fn block(&mut self) -> Result<Option<Header>, ReadError> {
        let mut header = Header::zeroed();
        let mut filled = 0;
        while filled < BLOCK {
            let rest = header.0.get_mut(filled..).unwrap_or_default();
            match self.stream.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(Malformed::Truncated.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::Stream(error)),
            }
        }
        Ok(Some(header))
    }

    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, ReadError> {
        let size = size(header)?;
        if size > LARGEST_EXTENSION {
            return Err(Malformed::TooLong.into());
        }
        self.start_content(size);
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).map_err(stream_error)?;
        Ok(bytes)
    }

    fn long_name(&mut self, header: &Header) -> Result<PathBuf, ReadError> {
        let bytes = self.extension(header)?;
        let name = bytes.split(|&b| b == 0).next().unwrap_or_default();
        Ok(path(name.to_vec()))
    }

    fn start_content(&mut self, size: u64) {
        self.remaining = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn member(&mut self, header: &Header, extensions: Extensions) -> Result<Entry, ReadError> {
        let mut entry = entry(header)?;
        if let Some(records) = &extensions.records {
            pax::overrule(&mut entry, records)?;
        }
        // Where both are there, Go lets GNU's long names win.
        if let Some(name) = extensions.name {
            entry.path = name;
        }
        if let (Some(link), Kind::HardLink(target) | Kind::SymbolicLink(target)) =
            (extensions.link, &mut entry.kind)
        {
            *target = link;
        }
        // Before POSIX, a directory was a file whose name ends with a slash.
        let slash = entry.path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if header.bytes(field::TYPE) == [0] && slash {
            entry.kind = Kind::Directory;
        }
        // Only a regular file has content; for the others the field is a hint or nonsense.
        if entry.kind != Kind::File {
            entry.size = 0;
        }
        self.start_content(entry.size);
        if header.bytes(field::TYPE) == b"S" {
            self.sparse = Some(self.old_sparse(header)?);
        } else if let Some(records) = &extensions.records {
            self.pax_sparse(records, &mut entry)?;
        }
        if let Some(sparse) = &self.sparse {
            entry.size = sparse.size();
        }
        Ok(entry)
    }
}

/// Members with holes.
impl<R: Read> Reader<R> {
    /// Passes over zeros of the current member's content that are not in the archive; gives back
    /// how many. Reading would give them one by one.
    pub fn skip_hole(&mut self) -> u64 {
        let Some(sparse) = &mut self.sparse else {
            return 0;
        };
        let hole = sparse.hole();
        sparse.pass(hole);
        hole
    }

    /// Whether the current member has holes: then its content is not what lies in the archive.
    pub(crate) fn is_sparse(&self) -> bool {
        self.sparse.is_some()
    }

    /// The map of the old form, whose blocks come before the content and do not count.
    fn old_sparse(&mut self, header: &Header) -> Result<Sparse, ReadError> {
        let (mut parts, mut more, size) = sparse::of_header(header)?;
        let mut bytes = 0;
        while more {
            let block = self.block()?.ok_or(Malformed::Truncated)?;
            let (further, again) = sparse::of_block(&block)?;
            parts.extend(further);
            more = again;
            bytes += BLOCK as u64;
            if bytes > LARGEST_EXTENSION {
                return Err(Malformed::TooLong.into());
            }
        }
        Ok(Sparse::new(parts, size, self.remaining)?)
    }

    fn pax_sparse(&mut self, records: &Records, entry: &mut Entry) -> Result<(), ReadError> {
        let (map, name) = match sparse::of_records(records, self.remaining)? {
            Said::Nothing => return Ok(()),
            Said::Map(map, name) => (map, name),
            Said::InContent(size, name) => (self.map_in_content(size)?, name),
        };
        if entry.kind != Kind::File {
            return Err(Malformed::Sparse.into());
        }
        if let Some(name) = name {
            entry.path = name;
        }
        self.sparse = Some(map);
        Ok(())
    }

    fn map_in_content(&mut self, size: u64) -> Result<Sparse, ReadError> {
        let mut bytes = Vec::new();
        let mut lines = 0;
        loop {
            let block = (&mut *self).take(BLOCK as u64).read_to_end(&mut bytes);
            let count = block.map_err(stream_error)?;
            if count < BLOCK {
                return Err(Malformed::Sparse.into());
            }
            let new = bytes.iter().rev().take(count);
            lines += new.filter(|byte| **byte == b'\n').count() as u64;
            if let Some(wanted) = sparse::lines_of_content(&bytes)?
                && lines >= wanted
            {
                let parts = sparse::of_content(&bytes, wanted)?;
                return Ok(Sparse::new(parts, size, self.remaining)?);
            }
            if bytes.len() as u64 > LARGEST_EXTENSION {
                return Err(Malformed::TooLong.into());
            }
        }
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut most = self.remaining;
        if let Some(sparse) = &mut self.sparse {
            let hole = usize::try_from(sparse.hole()).unwrap_or(usize::MAX);
            let zeros = hole.min(buffer.len());
            if zeros > 0 {
                buffer.iter_mut().take(zeros).for_each(|byte| *byte = 0);
                sparse.pass(zeros as u64);
                return Ok(zeros);
            }
            most = sparse.content().min(most);
        }
        let count = self.read_stored(buffer, most)?;
        if let Some(sparse) = &mut self.sparse {
            sparse.pass(count as u64);
        }
        Ok(count)
    }
}

impl<R: Read> Reader<R> {
    /// Reads what is in the archive of the current member's content.
    fn read_stored(&mut self, buffer: &mut [u8], most: u64) -> io::Result<usize> {
        let count = (&mut self.stream).take(most).read(buffer)?;
        if count == 0 && most > 0 && !buffer.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                Malformed::Truncated,
            ));
        }
        self.remaining -= count as u64;
        Ok(count)
    }
}

/// An error of the stream, or ours on its way through [`Read`].
fn stream_error(error: io::Error) -> ReadError {
    let ours = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Malformed>());
    match ours {
        Some(malformed) => ReadError::Malformed(malformed.clone()),
        None => ReadError::Stream(error),
    }
}

fn size(header: &Header) -> Result<u64, Malformed> {
    let number = header.number(field::SIZE)?;
    // No member is larger than a file can be, so that sums with padding cannot overflow.
    u64::try_from(number)
        .ok()
        .filter(|&size| size <= u64::MAX >> 2)
        .ok_or(Malformed::Number { field: "size" })
}

fn entry(header: &Header) -> Result<Entry, Malformed> {
    let link = || path(header.string(field::LINK).to_vec());
    let device = || {
        Ok((
            unsigned(header, field::MAJOR)?,
            unsigned(header, field::MINOR)?,
        ))
    };
    let kind = match header.bytes(field::TYPE).first() {
        Some(0 | b'0' | b'7') => Kind::File,
        Some(b'S') if header.is_gnu() => Kind::File,
        Some(b'1') => Kind::HardLink(link()),
        Some(b'2') => Kind::SymbolicLink(link()),
        Some(b'3') => device().map(|(major, minor)| Kind::CharacterDevice(major, minor))?,
        Some(b'4') => device().map(|(major, minor)| Kind::BlockDevice(major, minor))?,
        Some(b'5') => Kind::Directory,
        Some(b'6') => Kind::Fifo,
        other => {
            let flag = char::from(other.copied().unwrap_or_default());
            return Err(Malformed::Unsupported {
                what: format!("a member of type {flag:?}"),
            });
        }
    };
    let mut entry = Entry::new(header.path(), kind, unsigned(header, field::MODE)? & 0o7777);
    entry.uid = id(header, field::UID)?;
    entry.gid = id(header, field::GID)?;
    entry.size = size(header)?;
    entry.mtime = (header.number(field::MTIME)?, 0);
    Ok(entry)
}

fn unsigned(header: &Header, field: field::Field) -> Result<u32, Malformed> {
    u32::try_from(header.number(field)?).map_err(|_| Malformed::Number { field: field.2 })
}

/// An id; the last one means "no id" to the kernel.
fn id(header: &Header, field: field::Field) -> Result<u32, Malformed> {
    match unsigned(header, field)? {
        u32::MAX => Err(Malformed::Number { field: field.2 }),
        id => Ok(id),
    }
}
