//! How much a layer may be: a small blob can say that it is a large one, and many times larger.

use std::io::{self, Read};

/// What a layer may be; more is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members of the archive.
    pub entries: u64,
    /// Bytes of the archive, decompressed.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            bytes: 64 << 30,
        }
    }
}

/// What was exceeded, as the cause of an error of a stream.
#[derive(Debug, thiserror::Error)]
#[error("it is larger than {0} bytes when it is decompressed")]
struct TooLarge(u64);

/// A stream that ends in an error when it is too long.
pub(super) struct Limited<R> {
    stream: R,
    most: u64,
    left: u64,
}

impl<R> Limited<R> {
    pub(super) fn new(stream: R, limits: &Limits) -> Self {
        Self {
            stream,
            most: limits.bytes,
            left: limits.bytes,
        }
    }

    pub(super) fn into_inner(self) -> R {
        self.stream
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(TooLarge(self.most))),
        }
        Ok(count)
    }
}
