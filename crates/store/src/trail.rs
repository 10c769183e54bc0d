//! A bounded log of lines that any number of processes append to and follow, with nobody who serves
//! it. Lines are added with one write at the end of the file, which the kernel does not mix with
//! others. A full file becomes the older one (`<path>.1`) in place of the last older one.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, inotify, openat};
use rustix::io::Errno;

use crate::Error;

/// Adds lines, each with its line feed, to the trail at `path`, which is begun anew when it has
/// grown to `most` bytes. Nothing is synced: a trail goes with the boot.
///
/// # Errors
/// When the file cannot be written; on a full disk a part of a line may have been.
pub fn append(path: &Path, lines: &[u8], most: u64) -> Result<(), Error> {
    let failed = |errno| Error::io("writing", path, errno);
    let flags =
        OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = openat(CWD, path, flags, Mode::from_raw_mode(0o600)).map_err(failed)?;
    let written = rustix::io::retry_on_intr(|| rustix::io::write(&file, lines)).map_err(failed)?;
    if written < lines.len() {
        return Err(failed(Errno::NOSPC));
    }
    // The position after an appending write is the end of the file.
    if rustix::fs::tell(&file).map_err(failed)? < most {
        return Ok(());
    }
    begin_anew(path, &file).map_err(failed)
}

/// Puts a full file aside, once: whoever else has seen that it is full finds another in its place.
fn begin_anew(path: &Path, file: &OwnedFd) -> Result<(), Errno> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(()),
        Err(errno) => return Err(errno),
    }
    let (ours, there) = (rustix::fs::fstat(file)?, rustix::fs::stat(path)?);
    match (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino) {
        true => rustix::fs::rename(path, older(path)),
        false => Ok(()),
    }
}

fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// A file of a trail, being read.
#[derive(Debug)]
struct Part {
    file: BufReader<File>,
    inode: (u64, u64),
    /// The rest of a line that is not written whole yet.
    partial: Vec<u8>,
}

impl Part {
    fn open(path: &Path) -> Result<Option<Self>, Error> {
        let failed = |error| Error::io("reading", path, error);
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        let metadata = file.metadata().map_err(failed)?;
        Ok(Some(Self {
            inode: (metadata.dev(), metadata.ino()),
            file: BufReader::new(file),
            partial: Vec::new(),
        }))
    }

    fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        self.file.read_until(b'\n', &mut self.partial)?;
        Ok(match self.partial.last() {
            Some(b'\n') => Some(std::mem::take(&mut self.partial)),
            _ => None,
        })
    }
}

/// A trail being followed.
#[derive(Debug)]
pub struct TrailReader {
    path: PathBuf,
    /// The file that is read, and the one before: who opened that one earlier may still add to it.
    parts: VecDeque<Part>,
    changes: OwnedFd,
}

impl TrailReader {
    /// Begins to read a trail from its oldest line. Its directory must exist; the trail need not.
    ///
    /// # Errors
    /// When the directory cannot be watched.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let failed = |errno| Error::io("watching", directory, errno);
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let changes = inotify::init(flags).map_err(failed)?;
        let events = inotify::WatchFlags::MODIFY
            | inotify::WatchFlags::CREATE
            | inotify::WatchFlags::MOVED_TO;
        inotify::add_watch(&changes, directory, events).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            parts: VecDeque::new(),
            changes,
        })
    }

    /// The next line with its line feed; `None` when there is none yet.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            for part in &mut self.parts {
                let line = part.line();
                if let Some(line) = line.map_err(|error| Error::io("reading", &self.path, error))? {
                    return Ok(Some(line));
                }
            }
            match self.following()? {
                Some(part) => self.parts.push_back(part),
                None => return Ok(None),
            }
            if self.parts.len() > 2 {
                self.parts.pop_front();
            }
        }
    }

    /// The file after the one that is read.
    fn following(&self) -> Result<Option<Part>, Error> {
        let aside = older(&self.path);
        loop {
            let (old, new) = (Part::open(&aside)?, Part::open(&self.path)?);
            let inode = old.as_ref().map(|part| part.inode);
            if Part::open(&aside)?.map(|part| part.inode) != inode {
                // Put aside just now: what we opened are not neighbours.
                continue;
            }
            let Some(current) = self.parts.back().map(|part| part.inode) else {
                return Ok(old.or(new));
            };
            if new.as_ref().is_some_and(|part| part.inode == current) {
                return Ok(None);
            }
            return Ok(match inode == Some(current) {
                true => new,
                false => old.or(new),
            });
        }
    }

    /// Waits until something was added, at most until `deadline`; false when that has come.
    ///
    /// # Errors
    /// When it cannot be waited.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Result<bool, Error> {
        let failed = |errno| Error::io("watching", &self.path, errno);
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [PollFd::new(&self.changes, PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                Ok(0) => return Ok(false),
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.changes, &mut buffer);
        while events.next().is_ok() {}
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(reader: &mut TrailReader) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            lines.push(String::from_utf8(line).unwrap().trim_end().to_owned());
        }
        lines
    }

    #[test]
    fn a_follower_reads_every_line_once_whatever_is_put_aside_meanwhile() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let mut reader = TrailReader::open(&path).unwrap();
        assert_eq!(rest(&mut reader), [""; 0]);
        for n in 0..100 {
            append(&path, format!("line {n}\n").as_bytes(), 40).unwrap();
            assert!(reader.wait(Some(Instant::now())).unwrap());
            assert_eq!(rest(&mut reader), [format!("line {n}")]);
        }
        assert!(!reader.wait(Some(Instant::now())).unwrap());
        let files = std::fs::read_dir(directory.path()).unwrap();
        assert!(files.count() <= 2);
    }

    #[test]
    fn a_slow_follower_misses_only_what_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        append(&path, b"first\n", 100).unwrap();
        let mut reader = TrailReader::open(&path).unwrap();
        assert_eq!(rest(&mut reader), ["first"]);
        for n in 10..40 {
            append(&path, format!("line {n}\n").as_bytes(), 64).unwrap();
        }
        let lines = rest(&mut reader);
        assert_eq!(lines.last().unwrap(), "line 39");
        assert!(lines.windows(2).all(|pair| pair[0] < pair[1]), "{lines:?}");
    }

    #[test]
    fn many_writers_do_not_mix_their_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let mut reader = TrailReader::open(&path).unwrap();
        let write = |writer: usize| {
            for n in 0..200 {
                append(&path, format!("{writer} {n}\n").as_bytes(), 1 << 16).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || write(writer));
            }
        });
        let lines = rest(&mut reader);
        assert_eq!(lines.len(), 800);
        for writer in 0..4 {
            let of = |line: &&String| line.starts_with(&format!("{writer} "));
            let own: Vec<_> = lines.iter().filter(of).collect();
            assert!(
                own.iter()
                    .enumerate()
                    .all(|(n, line)| **line == format!("{writer} {n}"))
            );
        }
    }
}
