//! One thing that is measured: a command line, what it needs while it is measured, and why it
//! cannot be measured here.

use std::any::Any;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Stands for an id that differs from run to run.
pub(super) const ID: &str = "{id}";

/// What the names of everything begin with that a run makes outside of its own directory.
pub(super) const PREFIX: &str = "wharf-bench";

/// A piece of work to measure, under the name it has in the tables.
pub(super) struct Subject {
    pub(super) name: &'static str,
    /// Or why it cannot be measured here.
    pub(super) work: Result<Work, String>,
    /// What must be there while it is measured; dropping it ends it.
    _kept: Option<Box<dyn Any>>,
}

/// One run: what is measured, and what is done before and after it without being measured. All
/// three meet the same [`ID`].
#[derive(Debug, Clone)]
pub(super) struct Work {
    measured: CommandLine,
    before: Option<CommandLine>,
    after: Option<CommandLine>,
    /// How many of it at once.
    at_once: usize,
}

/// A program and its arguments, in which [`ID`] is replaced anew for every run.
#[derive(Debug, Clone)]
pub(super) struct CommandLine(Vec<OsString>);

/// A container in the background; dropping it ends it.
pub(super) struct Running {
    end: CommandLine,
}

impl Subject {
    pub(super) fn new(name: &'static str, command: Result<CommandLine, String>) -> Self {
        Subject::of_work(name, command.map(Work::of))
    }

    pub(super) fn of_work(name: &'static str, work: Result<Work, String>) -> Self {
        Subject {
            name,
            work,
            _kept: None,
        }
    }

    /// A subject that works on a container, which is kept as long.
    pub(super) fn in_container(
        name: &'static str,
        started: Result<(CommandLine, impl Any), String>,
    ) -> Self {
        match started {
            Err(why) => Subject::new(name, Err(why)),
            Ok((command, container)) => Subject {
                name,
                work: Ok(Work::of(command)),
                _kept: Some(Box::new(container)),
            },
        }
    }
}

impl Work {
    pub(super) fn of(measured: CommandLine) -> Self {
        Work {
            measured,
            before: None,
            after: None,
            at_once: 1,
        }
    }

    /// The same with something that must have happened.
    pub(super) fn before(self, before: CommandLine) -> Self {
        let before = Some(before);
        Work { before, ..self }
    }

    /// The same with something to clear up.
    pub(super) fn after(self, after: CommandLine) -> Self {
        let after = Some(after);
        Work { after, ..self }
    }

    /// The same, so many times at once.
    pub(super) fn at_once(self, at_once: usize) -> Self {
        Work { at_once, ..self }
    }

    /// Does it once; the time of what is measured, or the last line that something said as it
    /// failed.
    pub(super) fn time(&self) -> Result<Duration, String> {
        let ids: Vec<String> = (0..self.at_once).map(|_| next_id()).collect();
        for id in &ids {
            self.aside(self.before.as_ref(), id)?;
        }
        let time = self.measured.time_all(&ids);
        for id in &ids {
            self.aside(self.after.as_ref(), id)?;
        }
        time
    }

    fn aside(&self, command: Option<&CommandLine>, id: &str) -> Result<(), String> {
        let done = command.map(|command| command.time_all(&[id.to_owned()]));
        done.transpose().map(|_| ())
    }
}

impl CommandLine {
    pub(super) fn new<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        CommandLine(words.collect())
    }

    /// The same with more words at its end.
    pub(super) fn and<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Self {
        let mut all = self.clone();
        all.0.extend(CommandLine::new(words).0);
        all
    }

    /// The same with another command line at its end.
    pub(super) fn then(&self, other: &CommandLine) -> Self {
        self.and(&other.0)
    }

    /// Runs it once, to its end; the time from before the start until it is reaped, or the last
    /// line it said if it failed.
    pub(super) fn time(&self) -> Result<Duration, String> {
        self.time_all(&[next_id()])
    }

    /// The same once for each id, all at once.
    fn time_all(&self, ids: &[String]) -> Result<Duration, String> {
        let mut prepared = Vec::with_capacity(ids.len());
        for id in ids {
            let said = stderr_file()?;
            prepared.push((self.command(&said, id)?, said));
        }
        let started = Instant::now();
        let children: Vec<_> = prepared
            .iter_mut()
            .map(|(command, _)| command.spawn())
            .collect();
        // All are waited for, whatever becomes of one.
        let ends: Vec<_> = children
            .into_iter()
            .map(|child| child.and_then(|mut child| child.wait()))
            .collect();
        let time = started.elapsed();
        for (end, (_, said)) in ends.into_iter().zip(prepared) {
            match end {
                Ok(status) if status.success() => {}
                Ok(status) => return Err(last_line(said).unwrap_or_else(|| status.to_string())),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(time)
    }

    /// Starts it in the background; gives back what it says, too.
    pub(super) fn spawn(&self) -> Result<(Child, Said), String> {
        let said = stderr_file()?;
        let child = self.command(&said, &next_id())?.spawn();
        Ok((child.map_err(|error| error.to_string())?, Said(said)))
    }

    /// Runs what starts a container in the background.
    pub(super) fn start(&self, end: CommandLine) -> Result<Running, String> {
        self.start_timed(end).map(|(running, _)| running)
    }

    /// The same with the time that it took.
    pub(super) fn start_timed(&self, end: CommandLine) -> Result<(Running, Duration), String> {
        // Made first, so that half a container is removed too.
        let running = Running { end };
        self.time().map(|time| (running, time))
    }

    /// Runs it once and takes what it prints, without the line's end.
    pub(super) fn output(&self) -> Result<String, String> {
        let said = stderr_file()?;
        let output = self
            .command(&said, &next_id())?
            .stdout(Stdio::piped())
            .output();
        let output = output.map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(last_line(said).unwrap_or_else(|| output.status.to_string()));
        }
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    }

    fn command(&self, said: &File, id: &str) -> Result<Command, String> {
        let mut words = self.0.iter().map(|word| match word.to_str() {
            Some(text) if text.contains(ID) => OsString::from(text.replace(ID, id)),
            _ => word.clone(),
        });
        let mut command = Command::new(words.next().ok_or("no program")?);
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.try_clone().map_err(|error| error.to_string())?);
        Ok(command)
    }
}

/// What a command in the background says.
pub(super) struct Said(File);

impl Said {
    pub(super) fn last_line(self) -> Option<String> {
        last_line(self.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(why) = self.end.time() {
            eprintln!("xtask: cannot end a container: {why}");
        }
    }
}

/// The name of a container that lives while its subject is measured.
pub(super) fn container_name(of: &str) -> String {
    format!("{PREFIX}-{}-{of}", std::process::id())
}

fn next_id() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    container_name(&number.to_string())
}

/// A file without a name for what a command says: a pipe would have to be read while it runs, and
/// a container in the background would hold it open.
fn stderr_file() -> Result<File, String> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let fd = rustix::fs::memfd_create("stderr", flags).map_err(|error| error.to_string())?;
    Ok(File::from(fd))
}

fn last_line(mut said: File) -> Option<String> {
    let mut text = String::new();
    said.rewind().ok()?;
    said.read_to_string(&mut text).ok()?;
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_an_id_of_its_own() {
        let command = CommandLine::new(["echo", "a{id}b"]);
        let (first, second) = (command.output().unwrap(), command.output().unwrap());
        assert!(first.starts_with("awharf-bench-"), "{first}");
        assert_ne!(first, second);
    }

    #[test]
    fn a_failure_is_told_by_its_last_line() {
        let command = CommandLine::new(["sh", "-c", "echo one >&2; echo two >&2; exit 3"]);
        assert_eq!(command.time().unwrap_err(), "two");
        let silent = CommandLine::new(["false"]);
        assert_eq!(silent.time().unwrap_err(), "exit status: 1");
    }

    #[test]
    fn what_comes_before_and_after_is_of_the_same_run() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(ID);
        let on_the_file = |program: &str| CommandLine::new([program.as_ref(), file.as_os_str()]);
        let work = Work::of(on_the_file("cat")).before(on_the_file("touch"));
        work.after(on_the_file("rm")).at_once(3).time().unwrap();
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn one_of_many_that_fails_is_told() {
        let work = Work::of(CommandLine::new(["sh", "-c", "echo {id} >&2; exit 1"]));
        assert!(work.at_once(2).time().unwrap_err().contains(PREFIX));
    }

    #[test]
    fn what_runs_is_ended_as_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("here");
        let touch = CommandLine::new(["touch".as_ref(), file.as_os_str()]);
        let remove = CommandLine::new(["rm".as_ref(), file.as_os_str()]);
        let running = touch.start(remove).unwrap();
        assert!(file.exists());
        drop(running);
        assert!(!file.exists());
    }
}
