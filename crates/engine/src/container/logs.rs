//! Reading what a container wrote: the lines of its log files, oldest first, and new ones as they
//! come until it ends. The files are written by the monitor.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use monitor::protocol::{FRAME_MAX, FromMonitor};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify;
use rustix::io::Errno;
use serde::Deserialize;

use super::config::LogDriver;
use super::live::look;
use super::record::Record;
use super::status::Status;
use crate::{Engine, Error};

/// One entry of a log, in the form of Docker's `json-file`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LogLine {
    /// The text, with its line feed if it ended with one.
    #[serde(rename = "log")]
    pub text: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// When it was written, RFC 3339.
    pub time: String,
    /// What else is kept with it.
    #[serde(default)]
    pub attrs: BTreeMap<String, String>,
}

/// Which lines of a log are wanted. Times are RFC 3339 with nanoseconds in UTC, as in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRange {
    /// Only so many of the last lines.
    pub tail: Option<usize>,
    /// None that was written before.
    pub since: Option<String>,
    /// None that was written after.
    pub until: Option<String>,
}

impl LogRange {
    /// The form of the times sorts as text.
    fn has_begun(&self, line: &LogLine) -> bool {
        self.since.as_ref().is_none_or(|since| line.time >= *since)
    }

    fn is_over(&self, line: &LogLine) -> bool {
        self.until.as_ref().is_some_and(|until| line.time > *until)
    }
}

/// A log being read.
#[derive(Debug)]
pub struct Logs {
    path: PathBuf,
    /// Files that are still to be read, the oldest first; the current one is not among them.
    older: VecDeque<PathBuf>,
    file: Option<BufReader<File>>,
    /// The rest of a line that is not written whole yet.
    partial: Vec<u8>,
    /// Lines that were read ahead, to find the last ones.
    ready: VecDeque<LogLine>,
    wanted: LogRange,
    follow: Option<Follow>,
}

/// What tells that there is more.
#[derive(Debug)]
struct Follow {
    changes: OwnedFd,
    /// The monitor's socket, which ends with the container; `None` after that.
    monitor: Option<OwnedFd>,
}

impl Engine {
    /// Where the log of a container is.
    pub(super) fn log_path(&self, record: &Record) -> PathBuf {
        self.paths.data_dir(&record.id).join("container.log")
    }

    /// Reads the log of a container: what is in `wanted`, and with `follow` on until the container
    /// ends.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a container without a log.
    pub fn logs(&self, name: &str, follow: bool, wanted: LogRange) -> Result<Logs, Error> {
        let record = self.find(name)?;
        let Some(rotation) = record.config.log.rotation() else {
            return Err(Error::Unsupported {
                what: format!("reading the logs of {}", record.name),
                why: match record.config.log {
                    LogDriver::Journald { .. } => "they are in the journal: use journalctl",
                    _ => "its log driver is \"none\"",
                },
            });
        };
        let max_files = rotation.max_files;
        let path = self.log_path(&record);
        let is_live = matches!(
            look(&self.paths, &record)?.status,
            Status::Running | Status::Paused
        );
        let follow = match follow && is_live {
            true => Some(self.follow(&record)?),
            false => None,
        };
        let older = (1..max_files)
            .rev()
            .map(|n| PathBuf::from(format!("{}.{n}", path.display())));
        let mut logs = Logs {
            older: older.filter(|file| file.exists()).collect(),
            path,
            file: None,
            partial: Vec::new(),
            ready: VecDeque::new(),
            wanted,
            follow,
        };
        if let Some(tail) = logs.wanted.tail {
            logs.skip_to_last(tail)?;
        }
        Ok(logs)
    }

    fn follow(&self, record: &Record) -> Result<Follow, Error> {
        let directory = self.paths.data_dir(&record.id);
        let failed = |errno| Error::io("watching", &directory, errno);
        let changes = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
            .map_err(failed)?;
        let events = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE;
        inotify::add_watch(&changes, &directory, events).map_err(failed)?;
        Ok(Follow {
            changes,
            monitor: monitor::connect(&self.paths.run_dir(&record.id)).ok(),
        })
    }
}

impl Logs {
    /// The next line, which is waited for when the log is followed; `None` at the end.
    ///
    /// # Errors
    /// When the files cannot be read. A damaged line is passed over: it is one that a machine
    /// crash cut short.
    pub fn next_line(&mut self) -> Result<Option<LogLine>, Error> {
        loop {
            match self.next_of_all()? {
                Some(line) if self.wanted.is_over(&line) => return Ok(None),
                Some(line) if !self.wanted.has_begun(&line) => {}
                other => return Ok(other),
            }
        }
    }

    fn next_of_all(&mut self) -> Result<Option<LogLine>, Error> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            let is_over = self
                .follow
                .as_ref()
                .is_none_or(|follow| follow.monitor.is_none());
            if let Some(line) = self.read()? {
                return Ok(Some(line));
            }
            if is_over {
                return Ok(None);
            }
            self.wait()?;
        }
    }

    /// Reads on in the files there are; `None` at the end of the newest.
    fn read(&mut self) -> Result<Option<LogLine>, Error> {
        loop {
            if self.file.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let Some(file) = &mut self.file else {
                return Ok(None);
            };
            let read = file.read_until(b'\n', &mut self.partial);
            read.map_err(|error| Error::io("reading", &self.path, error))?;
            if self.partial.last() == Some(&b'\n') {
                let line = match self.partial.first() {
                    Some(b'{') => serde_json::from_slice(&self.partial).ok(),
                    _ => kubernetes_line(&self.partial),
                };
                self.partial.clear();
                if let Some(line) = line {
                    return Ok(Some(line));
                }
            } else if self.is_replaced() {
                self.file = None;
            } else {
                return Ok(None);
            }
        }
    }

    fn open_next(&mut self) -> Result<bool, Error> {
        let path = self.older.pop_front().unwrap_or_else(|| self.path.clone());
        match File::open(&path) {
            Ok(file) => {
                self.file = Some(BufReader::new(file));
                Ok(true)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("opening", &path, error)),
        }
    }

    /// Whether another file follows the one that is read: older ones are left, or it was rotated.
    fn is_replaced(&self) -> bool {
        let inode = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let current = self.path.metadata().map(inode).ok();
        let ours = self
            .file
            .as_ref()
            .and_then(|file| file.get_ref().metadata().map(inode).ok());
        current.is_some() && ours != current
    }

    fn skip_to_last(&mut self, count: usize) -> Result<(), Error> {
        let mut last = VecDeque::with_capacity(count.min(1024));
        while let Some(line) = self.read()? {
            if self.wanted.is_over(&line) {
                break;
            }
            if last.len() == count {
                last.pop_front();
            }
            if count > 0 {
                last.push_back(line);
            }
        }
        self.ready = last;
        Ok(())
    }

    /// Waits until something changes in the directory of the log, or the container ends.
    fn wait(&mut self) -> Result<(), Error> {
        let Some(Follow { changes, monitor }) = &mut self.follow else {
            return Ok(());
        };
        let mut fds = vec![PollFd::new(changes, PollFlags::IN)];
        fds.extend(
            monitor
                .as_ref()
                .map(|socket| PollFd::new(socket, PollFlags::IN)),
        );
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::io("watching", &self.path, errno)),
        }
        let has_news = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&mut *changes, &mut space);
        while events.next().is_ok() {}
        let mut buffer = vec![0; FRAME_MAX];
        if has_news
            && let Some(socket) = &monitor
            && let Ok(Some(FromMonitor::Exited { .. }) | None) | Err(_) =
                FromMonitor::receive(socket.as_fd(), &mut buffer)
        {
            *monitor = None;
        }
        Ok(())
    }
}

/// A line `TIME STREAM F|P TEXT`; a part of one has no line feed of its own.
fn kubernetes_line(line: &[u8]) -> Option<LogLine> {
    let text = String::from_utf8_lossy(line);
    let mut parts = text.splitn(4, ' ');
    let (time, stream, tag, text) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(LogLine {
        text: match tag {
            "P" => text.trim_end_matches('\n').to_owned(),
            _ => text.to_owned(),
        },
        stream: stream.to_owned(),
        time: time.to_owned(),
        attrs: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        format!("{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"t\"}}\n")
    }

    fn logs(directory: &std::path::Path, older: &[&str]) -> Logs {
        Logs {
            path: directory.join("log"),
            older: older.iter().map(|name| directory.join(name)).collect(),
            file: None,
            partial: Vec::new(),
            ready: VecDeque::new(),
            wanted: LogRange::default(),
            follow: None,
        }
    }

    fn rest(logs: &mut Logs) -> Vec<String> {
        std::iter::from_fn(|| logs.next_line().unwrap())
            .map(|line| line.text)
            .collect()
    }

    #[test]
    fn rotated_files_are_read_before_the_current_one() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [("log.2", "a"), ("log.1", "b"), ("log", "c")] {
            std::fs::write(directory.path().join(name), line(text)).unwrap();
        }
        let mut logs = logs(directory.path(), &["log.2", "log.1"]);
        assert_eq!(rest(&mut logs), ["a\n", "b\n", "c\n"]);
    }

    #[test]
    fn the_last_lines_are_found_and_a_half_written_one_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let text = format!("{}{}{}{{\"log\":", line("a"), line("b"), line("c"));
        std::fs::write(directory.path().join("log"), text).unwrap();
        let mut reader = logs(directory.path(), &[]);
        reader.skip_to_last(2).unwrap();
        assert_eq!(rest(&mut reader), ["b\n", "c\n"]);
        let mut none = logs(directory.path(), &[]);
        none.skip_to_last(0).unwrap();
        assert_eq!(rest(&mut none), [] as [&str; 0]);
    }

    #[test]
    fn a_container_that_wrote_nothing_has_no_lines() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(rest(&mut logs(directory.path(), &[])), [] as [&str; 0]);
    }
}
