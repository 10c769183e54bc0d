//! The floor under a pull: blobs that are on this machine, decompressed, with both digests, and
//! their files written, one after the other in one thread. No owner, no time, no attribute, no
//! check of anything.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const BLOCK: usize = 512;
const BUFFER: usize = 128 * 1024;

/// A stream whose digest is computed as it passes.
struct Hashing<R> {
    stream: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn hashing<R>(stream: R) -> Hashing<R> {
    Hashing {
        stream,
        hasher: Sha256::new(),
    }
}

/// Unpacks each blob into a directory of its own.
pub(crate) fn unpack(directory: &str, blobs: &[&str]) -> io::Result<()> {
    for (number, blob) in blobs.iter().enumerate() {
        let root = Path::new(directory).join(number.to_string());
        std::fs::create_dir(&root)?;
        let mut raw = BufReader::with_capacity(BUFFER, hashing(File::open(blob)?));
        let is_gzip = raw.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let archive: Box<dyn Read> = match is_gzip {
            true => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            false => Box::new(zstd::stream::read::Decoder::with_buffer(raw)?),
        };
        let mut archive = BufReader::with_capacity(BUFFER, hashing(archive));
        extract(&root, &mut archive)?;
        io::copy(&mut archive, &mut io::sink())?;
        let digest = archive.into_inner().hasher.finalize();
        println!("{digest:?}");
    }
    Ok(())
}

fn extract(root: &Path, archive: &mut impl Read) -> io::Result<()> {
    let mut header = [0; BLOCK];
    let mut content = vec![0; BUFFER];
    let mut long = None;
    loop {
        archive.read_exact(&mut header)?;
        if header[0] == 0 {
            return Ok(());
        }
        let size = number(&header[124..136]);
        let name = long.take().unwrap_or_else(|| name_of(&header));
        let path = root.join(&name);
        match header[156] {
            b'5' => std::fs::create_dir_all(&path)?,
            b'2' => std::os::unix::fs::symlink(text(&header[157..257]), made(&path)?)?,
            b'1' => std::fs::hard_link(root.join(text(&header[157..257])), made(&path)?)?,
            b'0' | 0 => {
                let mut file = File::create(made(&path)?)?;
                copy(archive, size, &mut content, &mut file)?;
                continue;
            }
            b'L' => {
                let mut bytes = Vec::new();
                copy(archive, size, &mut content, &mut bytes)?;
                long = Some(text(&bytes));
                continue;
            }
            _ => {}
        }
        copy(archive, size, &mut content, &mut io::sink())?;
    }
}

/// The path, whose directory may belong to a lower layer.
fn made(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(parent) if !parent.is_dir() => std::fs::create_dir_all(parent).map(|()| path),
        _ => Ok(path),
    }
}

fn copy(
    from: &mut impl Read,
    size: usize,
    buffer: &mut [u8],
    to: &mut impl Write,
) -> io::Result<()> {
    let mut rest = size;
    while rest > 0 {
        let part = rest.min(buffer.len());
        from.read_exact(&mut buffer[..part])?;
        to.write_all(&buffer[..part])?;
        rest -= part;
    }
    let padding = (BLOCK - size % BLOCK) % BLOCK;
    from.read_exact(&mut buffer[..padding])
}

fn name_of(header: &[u8; BLOCK]) -> PathBuf {
    let name = text(&header[..100]);
    match header[257..263] == *b"ustar\0" && header[345] != 0 {
        true => text(&header[345..500]).join(name),
        false => name,
    }
}

fn text(field: &[u8]) -> PathBuf {
    let end = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len());
    PathBuf::from(std::ffi::OsStr::from_bytes(&field[..end]))
}

fn number(field: &[u8]) -> usize {
    let digits = field.iter().filter(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 8 + usize::from(digit - b'0'))
}
