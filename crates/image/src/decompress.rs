//! Layers as they travel: plain, gzip of any number of members, zstd of any number of frames. What
//! it is is told by its first bytes; that it is the right content, by the digest of what comes out.
//!
//! zstd:chunked and eStargz are zstd and gzip with more frames and members behind the archive.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Frames that decoders skip, with which zstd:chunked may begin: 0x184d2a50 to 0x184d2a5f.
const ZSTD_SKIPPED: &[u8] = &[0x2a, 0x4d, 0x18];

/// How content is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Compression {
    /// That of content with these first bytes; four are enough.
    pub fn of(head: &[u8]) -> Self {
        if head.starts_with(GZIP) {
            Self::Gzip
        } else if head.starts_with(ZSTD) || head.get(1..4) == Some(ZSTD_SKIPPED) {
            Self::Zstd
        } else {
            Self::None
        }
    }
}

/// A stream of what was compressed.
pub(crate) enum Decompressor<R: BufRead> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(zstd::stream::read::Decoder<'static, R>),
}

/// Looks at the first bytes of a stream, of which at least four must come with the first read.
pub(crate) fn decompressor<R: BufRead>(mut stream: R) -> io::Result<Decompressor<R>> {
    Ok(match Compression::of(stream.fill_buf()?) {
        Compression::None => Decompressor::Plain(stream),
        Compression::Gzip => Decompressor::Gzip(Box::new(MultiGzDecoder::new(stream))),
        Compression::Zstd => Decompressor::Zstd(zstd::stream::read::Decoder::with_buffer(stream)?),
    })
}

impl<R: BufRead> Read for Decompressor<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Gzip(stream) => stream.read(buffer),
            Self::Zstd(stream) => stream.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn plain(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decompressor(bytes)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn several_members_and_frames_are_one_stream() {
        let two = [gzip(b"ab"), gzip(b"cd")].concat();
        assert_eq!(plain(&two).unwrap(), b"abcd");
        let frame = |bytes| zstd::encode_all(bytes, 3).unwrap();
        let skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00xyz".to_vec();
        let two = [
            skipped.clone(),
            frame(&b"ab"[..]),
            frame(&b"cd"[..]),
            skipped,
        ]
        .concat();
        assert_eq!(plain(&two).unwrap(), b"abcd");
        assert_eq!(plain(b"plain").unwrap(), b"plain");
        assert_eq!(plain(b"").unwrap(), b"");
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_an_error() {
        let whole = gzip(&[7; 5000]);
        assert!(plain(&whole[..whole.len() - 4]).is_err());
        let mut damaged = whole.clone();
        damaged[12] ^= 0x55;
        assert!(plain(&damaged).is_err());
        let whole = zstd::encode_all(&[7; 5000][..], 3).unwrap();
        assert!(plain(&whole[..whole.len() - 4]).is_err());
    }
}
