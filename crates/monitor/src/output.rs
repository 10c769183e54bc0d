//! One output of the container: a pipe, or the terminal. What was read is kept here until it is
//! logged, a line at a time, and until every client has it; how clients get it is in
//! `clients.rs`.

use std::os::fd::{AsFd, OwnedFd};
use std::time::SystemTime;

use rustix::event::epoll::EventFlags;
use rustix::io::{Errno, read};

use crate::Error;
use crate::log::{Entry, Log};
use crate::poller::{Poller, Token, Watch};
use crate::protocol::FromMonitor;

/// Bytes of a line from which on it is logged in parts, as Docker does (moby
/// `daemon/logger/copier.go`); also the most that is read at once.
const LINE_MAX: usize = 16 * 1024;

/// Which of the two outputs; a terminal's is `Stdout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub(crate) const ALL: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

    /// Its place in arrays.
    pub(crate) fn index(self) -> usize {
        match self {
            Stream::Stdout => 0,
            Stream::Stderr => 1,
        }
    }

    /// The frame that carries `bytes` of it.
    pub(crate) fn frame(self, bytes: &[u8]) -> FromMonitor<'_> {
        match self {
            Stream::Stdout => FromMonitor::Stdout(bytes),
            Stream::Stderr => FromMonitor::Stderr(bytes),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Bytes, in [`Output::latest`].
    Bytes,
    /// Nothing for now.
    Nothing,
    /// Nobody can write any more.
    End,
}

/// An output that is still open, with its one buffer.
///
/// ```text
///  0 ……… logged ……… latest ……… filled ……… LINE_MAX
///  in the log │ the begin of a line │ read last │ free
/// ```
pub(crate) struct Output {
    source: OwnedFd,
    watch: Watch,
    stream: Stream,
    buffer: Box<[u8]>,
    logged: usize,
    latest: usize,
    filled: usize,
    /// When the line began of which parts are already logged.
    parted_since: Option<SystemTime>,
}

impl Output {
    /// Reads from `source`, which must be non-blocking.
    pub(crate) fn new(stream: Stream, source: OwnedFd) -> Output {
        let buffer = vec![0; LINE_MAX].into_boxed_slice();
        let watch = Watch::nothing();
        let (logged, latest, filled) = (0, 0, 0);
        Output {
            source,
            watch,
            stream,
            buffer,
            logged,
            latest,
            filled,
            parted_since: None,
        }
    }

    /// Waits for bytes, or no longer.
    pub(crate) fn watch(&mut self, poller: &Poller, wanted: EventFlags) -> Result<(), Errno> {
        let token = Token::Output(self.stream);
        poller.watch(self.source.as_fd(), token, &mut self.watch, wanted)
    }

    pub(crate) fn stream(&self) -> Stream {
        self.stream
    }

    /// The bytes that the last read brought.
    pub(crate) fn latest(&self) -> &[u8] {
        &self.buffer[self.latest..self.filled]
    }

    /// Reads once. Whatever was read before must have reached every client, and
    /// [`Output::log_lines`] must have been called.
    pub(crate) fn read(&mut self) -> Result<Arrival, Errno> {
        self.buffer.copy_within(self.logged..self.filled, 0);
        self.filled -= self.logged;
        self.logged = 0;
        self.latest = self.filled;
        let read = loop {
            match read(&self.source, &mut self.buffer[self.filled..]) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        match read {
            // A terminal says EIO when its other side is closed (pty(7) says so of BSD's).
            Ok(0) | Err(Errno::IO) => Ok(Arrival::End),
            Ok(count) => {
                self.filled += count;
                Ok(Arrival::Bytes)
            }
            Err(Errno::AGAIN) => Ok(Arrival::Nothing),
            Err(errno) => Err(errno),
        }
    }

    /// Logs the lines that are complete, and a part of one that fills the buffer. What cannot be
    /// logged is lost; the first error says why, and the rest is tried all the same.
    pub(crate) fn log_lines(&mut self, log: Option<&mut Log>) -> Result<(), Error> {
        let Some(log) = log else {
            self.logged = self.filled;
            return Ok(());
        };
        let (now, mut outcome) = (SystemTime::now(), Ok(()));
        while let Some(length) = self.buffer[self.logged..self.filled]
            .iter()
            .position(|&byte| byte == b'\n')
        {
            let begin = self.logged;
            self.logged += length + 1;
            outcome = outcome.and(self.log(log, begin..begin + length, true, now));
        }
        if self.logged == 0 && self.filled == self.buffer.len() {
            let whole = whole_characters(&self.buffer);
            self.logged = whole;
            outcome = outcome.and(self.log(log, 0..whole, false, now));
        }
        outcome.and(log.flush())
    }

    /// Logs what is left of a line that was never ended.
    pub(crate) fn log_rest(&mut self, log: Option<&mut Log>) -> Result<(), Error> {
        let Some(log) = log else { return Ok(()) };
        let rest = self.logged..self.filled;
        self.logged = self.filled;
        if !rest.is_empty() {
            self.log(log, rest, false, SystemTime::now())?;
        }
        log.flush()
    }

    fn log(
        &mut self,
        log: &mut Log,
        text: std::ops::Range<usize>,
        ends_line: bool,
        now: SystemTime,
    ) -> Result<(), Error> {
        let time = *self.parted_since.get_or_insert(now);
        if ends_line {
            self.parted_since = None;
        }
        let text = &self.buffer[text];
        log.add(&Entry {
            stream: self.stream.name(),
            text,
            ends_line,
            time,
        })
    }
}

/// How many leading bytes of a full buffer can be logged without cutting a character in two.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let lead = bytes[tail..]
        .iter()
        .rposition(|&byte| byte >= 0xC0)
        .map(|at| tail + at);
    match lead {
        Some(lead) if bytes.len() - lead < sequence_len(bytes[lead]) => lead,
        _ => bytes.len(),
    }
}

/// The length of a UTF-8 sequence by its first byte.
fn sequence_len(lead: u8) -> usize {
    match lead {
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..=0xFF => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::config::{self, FileFormat, FileLog};

    /// Feeds `chunks` through an output, one read each, and returns the log's entries.
    fn logged(chunks: &[&[u8]]) -> Vec<String> {
        let scratch = tempfile::Builder::new()
            .prefix("wharf-monitor-")
            .tempdir()
            .unwrap();
        let path = scratch.path().join("log");
        let settings = config::Log::File(FileLog {
            path: path.clone(),
            format: FileFormat::Json,
            max_size: None,
            max_files: 1,
        });
        let mut log = Log::open(&settings).unwrap();
        let (source, sink) = rustix::pipe::pipe().unwrap();
        rustix::io::ioctl_fionbio(&source, true).unwrap();
        let mut output = Output::new(Stream::Stdout, source);
        let mut sink = std::fs::File::from(sink);
        for chunk in chunks {
            sink.write_all(chunk).unwrap();
            while output.read().unwrap() == Arrival::Bytes {
                output.log_lines(Some(&mut log)).unwrap();
            }
        }
        drop(sink);
        assert_eq!(output.read().unwrap(), Arrival::End);
        output.log_rest(Some(&mut log)).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let values = text.lines().map(|line| serde_json::from_str(line).unwrap());
        values
            .map(|value: serde_json::Value| value["log"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_line_is_logged_when_it_ends_however_it_arrives() {
        assert_eq!(
            logged(&[b"a\nb\n\nc", b"d", b"e\nf\n"]),
            ["a\n", "b\n", "\n", "cde\n", "f\n"]
        );
    }

    #[test]
    fn an_unfinished_last_line_is_logged_without_a_newline() {
        assert_eq!(logged(&[b"a\nb"]), ["a\n", "b"]);
    }

    #[test]
    fn a_long_line_is_logged_in_parts_of_16_kib() {
        let long = [b'x'; LINE_MAX + 5];
        let parts = logged(&[&long, b"y\nz\n"]);
        assert_eq!(
            parts,
            ["x".repeat(LINE_MAX), "xxxxxy\n".into(), "z\n".into()]
        );
    }

    #[test]
    fn a_part_never_cuts_a_character() {
        for offset in 0..4 {
            let text = "-".repeat(offset) + &"\u{1f600}".repeat(LINE_MAX / 4) + "\n";
            let parts = logged(&[text.as_bytes()]);
            assert_eq!(parts.len(), 2, "offset {offset}");
            assert_eq!(parts.concat(), text);
        }
    }

    #[test]
    fn stray_bytes_at_the_border_do_not_stop_the_log() {
        for byte in [0x80, 0xC3, 0xFF] {
            let parts = logged(&[&[byte; LINE_MAX + 1]]);
            assert_eq!(
                parts.concat().chars().count(),
                LINE_MAX + 1,
                "byte {byte:#x}"
            );
        }
    }
}
