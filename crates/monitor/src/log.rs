//! Where a container's output is kept: files, or the journal. How lines come to be entries is in
//! `output.rs`.

mod file;
mod journal;

use std::time::SystemTime;

use file::LogFile;
use journal::Journal;

use crate::Error;
use crate::config;

/// One entry of a log.
pub(crate) struct Entry<'a> {
    /// "stdout" or "stderr".
    pub(crate) stream: &'static str,
    /// The line without its newline, or a part of one that is too long.
    pub(crate) text: &'a [u8],
    /// Whether the line ends here.
    pub(crate) ends_line: bool,
    /// When the line began to arrive.
    pub(crate) time: SystemTime,
}

/// An open log.
pub(crate) enum Log {
    /// Files that are rotated.
    File(LogFile),
    /// systemd's journal.
    Journal(Journal),
}

impl Log {
    /// Opens the log.
    pub(crate) fn open(settings: &config::Log) -> Result<Log, Error> {
        match settings {
            config::Log::File(settings) => LogFile::open(settings).map(Log::File),
            config::Log::Journal(settings) => Journal::open(settings).map(Log::Journal),
        }
    }

    /// Adds an entry, to be written at the next [`Log::flush`] at the latest.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        match self {
            Log::File(file) => file.add(entry),
            Log::Journal(journal) => journal.add(entry),
        }
    }

    /// Writes what was added.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        match self {
            Log::File(file) => file.flush(),
            Log::Journal(_) => Ok(()),
        }
    }

    /// How many bytes of entries could not be kept.
    pub(crate) fn lost(&self) -> u64 {
        match self {
            Log::File(file) => file.lost(),
            Log::Journal(journal) => journal.lost(),
        }
    }
}
