//! A log in files that are rotated by size: Docker's `json-file`, one object a line,
//! `{"log":…,"stream":…,"time":…}`, or Kubernetes' form, `TIME STREAM F|P TEXT`.
//!
//! Bytes that are not UTF-8 become U+FFFD, one for each byte, as Docker's own encoder does
//! (moby `daemon/logger/jsonfilelog/jsonlog`): JSON has no other way. Only clients see them.

use std::fmt;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, fstat, open, rename};
use rustix::io::{Errno, write};
use store::time::Rfc3339;

use super::Entry;
use crate::Error;
use crate::config::{FileFormat, FileLog};

/// Bytes gathered before they are written; what is read in one go mostly needs one write.
const BUFFER: usize = 16 * 1024;

/// Longer than any time with what follows it, and any escape.
const FORMATTED_MAX: usize = 50;

/// An open log.
pub(crate) struct LogFile {
    settings: FileLog,
    file: OwnedFd,
    /// Bytes in the file and in the buffer.
    size: u64,
    buffer: Vec<u8>,
    lost: u64,
}

impl LogFile {
    /// Opens the log, appending to what an earlier run of the container left.
    pub(crate) fn open(settings: &FileLog) -> Result<LogFile, Error> {
        let opened = open_file(&settings.path, OFlags::APPEND)
            .and_then(|file| Ok((fstat(&file)?.st_size.cast_unsigned(), file)));
        let (size, file) = opened.map_err(|errno| failure("opening", &settings.path, errno))?;
        Ok(LogFile {
            settings: settings.clone(),
            file,
            size,
            buffer: Vec::with_capacity(BUFFER),
            lost: 0,
        })
    }

    /// Adds an entry, to be written at the next [`LogFile::flush`] at the latest.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        if self.settings.max_size.is_some_and(|max| self.size >= max) {
            self.rotate()?;
        }
        match self.settings.format {
            FileFormat::Json => self.add_json(entry),
            FileFormat::Kubernetes => self.add_kubernetes(entry),
        }
    }

    /// How many bytes could not be written.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn add_kubernetes(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let (time, stream) = (Rfc3339(entry.time), entry.stream);
        let tag = if entry.ends_line { 'F' } else { 'P' };
        self.put_formatted(format_args!("{time} {stream} {tag} "))?;
        self.put(entry.text)?;
        self.put(b"\n")
    }

    fn add_json(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        self.put(b"{\"log\":\"")?;
        self.put_escaped(entry.text)?;
        if entry.ends_line {
            self.put(b"\\n")?;
        }
        self.put(b"\",\"stream\":\"")?;
        self.put(entry.stream.as_bytes())?;
        self.put(b"\",\"time\":\"")?;
        self.put_formatted(format_args!("{}", Rfc3339(entry.time)))?;
        self.put(b"\"}\n")
    }

    /// Writes what is in the buffer.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let (written, left) = write_all(&self.file, &self.buffer);
        // What could not be written is lost rather than written twice.
        self.lost += left as u64;
        self.buffer.clear();
        written.map_err(|errno| failure("writing", &self.settings.path, errno))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        for part in bytes.chunks(BUFFER) {
            if self.buffer.len() + part.len() > BUFFER {
                self.flush()?;
            }
            self.buffer.extend_from_slice(part);
        }
        Ok(())
    }

    /// A time or an escape, formatted in place: no more than [`FORMATTED_MAX`] bytes.
    fn put_formatted(&mut self, text: fmt::Arguments<'_>) -> Result<(), Error> {
        if self.buffer.len() + FORMATTED_MAX > BUFFER {
            self.flush()?;
        }
        let before = self.buffer.len();
        // Writing to memory does not fail.
        let _ = self.buffer.write_fmt(text);
        self.size += (self.buffer.len() - before) as u64;
        Ok(())
    }

    /// A JSON string's inside as Docker writes it: `<`, `>`, `&`, U+2028 and U+2029 escaped too.
    fn put_escaped(&mut self, text: &[u8]) -> Result<(), Error> {
        // Most lines are nothing but this.
        let plain = text
            .iter()
            .position(|byte| !is_plain(*byte))
            .unwrap_or(text.len());
        self.put(&text[..plain])?;
        for chunk in text[plain..].utf8_chunks() {
            let valid = chunk.valid();
            let mut plain_from = 0;
            for (at, character) in valid.char_indices().filter(|(_, c)| needs_escape(*c)) {
                self.put(&valid.as_bytes()[plain_from..at])?;
                self.put_escape(character)?;
                plain_from = at + character.len_utf8();
            }
            self.put(&valid.as_bytes()[plain_from..])?;
            for _ in chunk.invalid() {
                self.put(b"\\ufffd")?;
            }
        }
        Ok(())
    }

    fn put_escape(&mut self, character: char) -> Result<(), Error> {
        match character {
            '"' => self.put(b"\\\""),
            '\\' => self.put(b"\\\\"),
            '\n' => self.put(b"\\n"),
            '\r' => self.put(b"\\r"),
            other => self.put_formatted(format_args!("\\u{:04x}", u32::from(other))),
        }
    }

    /// `log` becomes `log.1`, that `log.2` and so on up to the number of files to keep, of which
    /// the last is replaced; with only one to keep it is emptied.
    fn rotate(&mut self) -> Result<(), Error> {
        self.flush()?;
        self.reopen()
            .map_err(|errno| failure("rotating", &self.settings.path, errno))
    }

    fn reopen(&mut self) -> Result<(), Errno> {
        let path = &self.settings.path;
        for number in (1..self.settings.max_files).rev() {
            let from = if number == 1 {
                path.clone()
            } else {
                numbered(path, number - 1)
            };
            match rename(&from, numbered(path, number)) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.file = open_file(path, OFlags::APPEND | OFlags::TRUNC)?;
        self.size = 0;
        Ok(())
    }
}

fn needs_escape(character: char) -> bool {
    matches!(
        character,
        '\0'..'\u{20}' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}'
    )
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii() && !needs_escape(char::from(byte))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn open_file(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    open(path, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP)
}

/// Writes all there is room for; gives back how many bytes are left.
fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> (Result<(), Errno>, usize) {
    while !bytes.is_empty() {
        match write(file, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return (Err(errno), bytes.len()),
        }
    }
    (Ok(()), 0)
}

fn failure(operation: &'static str, path: &Path, errno: Errno) -> Error {
    Error::Log {
        operation,
        path: path.to_owned(),
        errno,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::read_to_string;
    use std::time::SystemTime;

    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::Builder::new()
            .prefix("wharf-monitor-")
            .tempdir()
            .unwrap()
    }

    fn settings(directory: &Path, max_size: Option<u64>, max_files: u32) -> FileLog {
        FileLog {
            path: directory.join("container.log"),
            format: FileFormat::Json,
            max_size,
            max_files,
        }
    }

    fn entry(text: &[u8]) -> Entry<'_> {
        Entry {
            stream: "stdout",
            text,
            ends_line: true,
            time: SystemTime::now(),
        }
    }

    /// The `log` member of the only line, as it stands in the file.
    fn written(text: &[u8]) -> String {
        let directory = scratch();
        let settings = settings(directory.path(), None, 1);
        let mut log = LogFile::open(&settings).unwrap();
        log.add(&entry(text)).unwrap();
        log.flush().unwrap();
        let line = read_to_string(&settings.path).unwrap();
        let end = line.find("\",\"stream\":\"stdout\",\"time\":\"2").unwrap();
        assert!(line.ends_with("Z\"}\n"), "{line}");
        line.strip_prefix("{\"log\":\"").unwrap()[..end - 8].to_owned()
    }

    #[test]
    fn text_is_escaped_as_docker_escapes_it() {
        assert_eq!(written(b""), "\\n");
        assert_eq!(
            written(b"a \"b\" \\ \r\t\x1b"),
            r#"a \"b\" \\ \r\u0009\u001b\n"#
        );
        assert_eq!(written(b"<a&b>"), r"\u003ca\u0026b\u003e\n");
        assert_eq!(
            written("\u{e9}\u{1f600}\u{7f}".as_bytes()),
            "\u{e9}\u{1f600}\u{7f}\\n"
        );
        assert_eq!(written("\u{2028}".as_bytes()), r"\u2028\n");
    }

    #[test]
    fn each_byte_that_is_not_utf8_becomes_one_replacement() {
        assert_eq!(written(b"a\xffb"), r"a\ufffdb\n");
        assert_eq!(written(b"\xe2\x82x"), r"\ufffd\ufffdx\n");
        assert_eq!(written(b"\xed\xa0\x80"), r"\ufffd\ufffd\ufffd\n");
        assert_eq!(written(b"\xf0\x9f\x98"), r"\ufffd\ufffd\ufffd\n");
    }

    #[test]
    fn a_line_whose_escapes_outgrow_the_buffer_is_whole() {
        let text = written(&[0; BUFFER]);
        assert_eq!(text, "\\u0000".repeat(BUFFER) + "\\n");
    }

    #[test]
    fn every_line_is_a_json_document() {
        let every_byte: Vec<u8> = (0..=255).collect();
        let directory = scratch();
        let settings = settings(directory.path(), None, 1);
        let mut log = LogFile::open(&settings).unwrap();
        log.add(&entry(&every_byte)).unwrap();
        log.add(&Entry {
            ends_line: false,
            ..entry(b"part")
        })
        .unwrap();
        log.flush().unwrap();
        let lines = read_to_string(&settings.path).unwrap();
        let logs: Vec<String> = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|value| value["log"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            logs,
            [String::from_utf8_lossy(&every_byte) + "\n", "part".into()]
        );
    }

    #[test]
    fn kubernetes_lines_keep_every_byte() {
        let directory = scratch();
        let settings = FileLog {
            format: FileFormat::Kubernetes,
            ..settings(directory.path(), None, 1)
        };
        let mut log = LogFile::open(&settings).unwrap();
        log.add(&entry(b"a\xff\"b")).unwrap();
        log.add(&Entry {
            ends_line: false,
            ..entry(b"part")
        })
        .unwrap();
        log.flush().unwrap();
        let bytes = std::fs::read(&settings.path).unwrap();
        let mut lines = bytes.split(|byte| *byte == b'\n');
        assert!(lines.next().unwrap().ends_with(b"Z stdout F a\xff\"b"));
        assert!(lines.next().unwrap().ends_with(b"Z stdout P part"));
    }

    #[test]
    fn a_full_disk_loses_entries_and_counts_them() {
        let settings = FileLog {
            path: "/dev/full".into(),
            ..settings(Path::new("/"), None, 1)
        };
        let mut log = LogFile::open(&settings).unwrap();
        log.add(&entry(b"text")).unwrap();
        assert!(log.flush().is_err());
        assert!(log.lost() > 4);
        // The next one is tried all the same.
        log.add(&entry(b"text")).unwrap();
        assert!(log.flush().is_err());
    }

    #[test]
    fn a_full_file_is_rotated_and_the_oldest_is_dropped() {
        let directory = scratch();
        let settings = settings(directory.path(), Some(1), 3);
        let mut log = LogFile::open(&settings).unwrap();
        for text in [b"1", b"2", b"3", b"4"] {
            log.add(&entry(text)).unwrap();
        }
        log.flush().unwrap();
        let holds = |name: &str, text: &str| {
            let log = read_to_string(directory.path().join(name)).unwrap();
            assert!(
                log.starts_with(&format!("{{\"log\":\"{text}\\n\"")),
                "{name}: {log}"
            );
            assert_eq!(log.lines().count(), 1);
        };
        holds("container.log", "4");
        holds("container.log.1", "3");
        holds("container.log.2", "2");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn with_one_file_to_keep_a_full_one_is_emptied() {
        let directory = scratch();
        let settings = settings(directory.path(), Some(1), 1);
        let mut log = LogFile::open(&settings).unwrap();
        log.add(&entry(b"1")).unwrap();
        log.add(&entry(b"2")).unwrap();
        log.flush().unwrap();
        assert!(
            read_to_string(&settings.path)
                .unwrap()
                .starts_with("{\"log\":\"2\\n")
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_an_earlier_run_left_counts_towards_the_size() {
        let directory = scratch();
        let settings = settings(directory.path(), Some(10), 2);
        std::fs::write(&settings.path, "0123456789").unwrap();
        LogFile::open(&settings)
            .unwrap()
            .add(&entry(b"new"))
            .unwrap();
        let rotated = read_to_string(directory.path().join("container.log.1")).unwrap();
        assert_eq!(rotated, "0123456789");
    }
}
