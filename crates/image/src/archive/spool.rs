//! A stream as a file that can be read from any byte on: what cannot be, or is compressed, is
//! copied to one without a name, which is gone with us.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

use crate::Error;
use crate::decompress::{Compression, decompressor};

/// Of an archive, decompressed.
const LARGEST: u64 = 256 << 30;

/// Opens a file, decompressed if need be. The copy goes to `directory`.
pub(super) fn open(path: &Path, directory: &Path) -> Result<File, Error> {
    let file = File::open(path).map_err(Error::io("opening", path))?;
    let is_plain = file.metadata().is_ok_and(|metadata| metadata.is_file()) && {
        let mut head = BufReader::with_capacity(4096, &file);
        let head = head.fill_buf().map_err(Error::io("reading", path))?;
        Compression::of(head) == Compression::None
    };
    if is_plain {
        return Ok(file);
    }
    // The look moved the file's offset.
    let from_start = match io::Seek::rewind(&mut &file) {
        Ok(()) => file,
        Err(_) => File::open(path).map_err(Error::io("opening", path))?,
    };
    copy(from_start, path, directory)
}

/// Copies a stream, decompressed, to a file without a name in `directory`.
pub(super) fn copy(stream: impl Read, path: &Path, directory: &Path) -> Result<File, Error> {
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, directory, flags, Mode::from_raw_mode(0o600))
        .map_err(Error::errno("making a file in", directory))?;
    let mut file = File::from(file);
    let reading = || format!("reading {}", path.display());
    let stream = BufReader::with_capacity(1 << 17, stream);
    let stream = decompressor(stream).map_err(Error::stream(&reading()))?;
    let copied = io::copy(&mut stream.take(LARGEST), &mut file);
    copied
        .and_then(|_| file.flush())
        .map_err(Error::stream(&reading()))?;
    Ok(file)
}
