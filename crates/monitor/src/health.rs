//! Whether a container is well: when it is looked at, what came of it, and what follows. The look
//! itself is a program of its own, so that the monitor stays as small as it is.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use store::Durability;
use store::time::now_rfc3339;
use sys::spawn::Spawn;

/// The file in a run directory that says how its container is.
pub const HEALTH: &str = "health.json";

/// How many results are kept, and how much of the output of each, as in Docker.
const KEPT: usize = 5;
const OUTPUT: usize = 4096;

/// When and how a container is looked at. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The program and its arguments; it ends with 0 when the container is well.
    pub program: Vec<String>,
    /// Between two looks.
    pub interval: u64,
    /// After the start: failures do not count.
    pub start_period: u64,
    /// Between two looks in the start period.
    pub start_interval: u64,
    /// So many failures in a row make it unhealthy.
    pub retries: u32,
    /// What is done then.
    pub on_failure: OnFailure,
    /// The number of the signal that asks the container to end.
    pub stop_signal: i32,
    /// How long it has to obey; `None` for ever.
    pub stop_timeout: Option<u64>,
}

/// What is done with an unhealthy container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Nothing.
    #[default]
    None,
    /// It is killed and started again.
    Restart,
    /// It is asked to end.
    Stop,
    /// It is killed.
    Kill,
}

/// How a container is: the document `health.json`, with Docker's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last results, the oldest first.
    pub log: Vec<HealthResult>,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthResult {
    /// When it began.
    pub start: String,
    /// When it was over.
    pub end: String,
    /// 0 for well.
    pub exit_code: i32,
    /// What was said.
    pub output: String,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            status: "starting".to_owned(),
            failing_streak: 0,
            log: Vec::new(),
        }
    }
}

impl Health {
    /// Takes in a result; true when it has just become unhealthy.
    fn take(&mut self, result: HealthResult, counts: bool, retries: u32) -> bool {
        let is_well = result.exit_code == 0;
        self.log.push(result);
        if self.log.len() > KEPT {
            self.log.remove(0);
        }
        if is_well {
            self.failing_streak = 0;
            "healthy".clone_into(&mut self.status);
            return false;
        }
        if !counts {
            return false;
        }
        self.failing_streak += 1;
        let falls = self.failing_streak >= retries && self.status != "unhealthy";
        if falls {
            "unhealthy".clone_into(&mut self.status);
        }
        falls
    }
}

/// A look that is being taken.
struct Running {
    pid: Pid,
    output: OwnedFd,
    start: String,
}

/// The watch over a container's health.
pub(crate) struct HealthWatch {
    probe: Probe,
    path: PathBuf,
    health: Health,
    began: Instant,
    next: Instant,
    running: Option<Running>,
}

impl HealthWatch {
    /// Begins to watch a container that has just started.
    pub(crate) fn new(probe: &Probe, run_directory: &Path) -> Self {
        let now = Instant::now();
        let mut watch = Self {
            probe: probe.clone(),
            path: run_directory.join(HEALTH),
            health: Health::default(),
            began: now,
            next: now,
            running: None,
        };
        watch.next = now + watch.interval();
        watch.write();
        watch
    }

    fn is_starting(&self) -> bool {
        self.health.status == "starting"
            && self.began.elapsed() < Duration::from_millis(self.probe.start_period)
    }

    fn interval(&self) -> Duration {
        let ms = match self.is_starting() && self.probe.start_interval > 0 {
            true => self.probe.start_interval,
            false => self.probe.interval,
        };
        Duration::from_millis(ms.max(1))
    }

    /// How long nothing is to be done; `None` while a look is taken.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let is_idle = self.running.is_none();
        is_idle.then(|| self.next.saturating_duration_since(Instant::now()))
    }

    /// Takes a look if it is time to.
    pub(crate) fn look(&mut self) {
        if self.running.is_some() || Instant::now() < self.next {
            return;
        }
        match self.spawn() {
            Ok(running) => self.running = Some(running),
            // It counts as a failure: nobody can say that the container is well.
            Err(errno) => {
                let output = format!("starting the probe: {}", std::io::Error::from(errno));
                let start = now_rfc3339();
                self.finish(start, 1, output);
            }
        }
    }

    fn spawn(&self) -> Result<Running, Errno> {
        let (output, theirs) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        let argv: Result<Vec<CString>, _> = self
            .probe
            .program
            .iter()
            .map(|word| CString::new(word.as_str()))
            .collect();
        let argv = argv.map_err(|_| Errno::INVAL)?;
        let probe = Spawn {
            program: c"/proc/self/exe",
            argv: &argv,
            envp: &[],
            fds: &[(null.as_fd(), 0), (theirs.as_fd(), 1), (theirs.as_fd(), 2)],
            new_session: false,
        };
        Ok(Running {
            pid: probe.start()?,
            output,
            start: now_rfc3339(),
        })
    }

    /// A child of ours ended: if it was the look, its result is taken in. True when the container
    /// has just become unhealthy.
    pub(crate) fn ended(&mut self, pid: Pid, code: i32) -> bool {
        let Some(running) = self.running.take_if(|running| running.pid == pid) else {
            return false;
        };
        let mut bytes = vec![0; OUTPUT];
        let length = rustix::io::read(&running.output, &mut bytes).unwrap_or(0);
        bytes.truncate(length);
        let output = String::from_utf8_lossy(&bytes).into_owned();
        self.finish(running.start, code, output)
    }

    fn finish(&mut self, start: String, exit_code: i32, output: String) -> bool {
        let result = HealthResult {
            start,
            end: now_rfc3339(),
            exit_code,
            output,
        };
        let counts = !self.is_starting();
        let falls = self.health.take(result, counts, self.probe.retries.max(1));
        self.next = Instant::now() + self.interval();
        self.write();
        falls
    }

    /// What it is now.
    pub(crate) fn status(&self) -> &str {
        &self.health.status
    }

    pub(crate) fn probe(&self) -> &Probe {
        &self.probe
    }

    /// A full disk must not end the container; the next result is written again.
    fn write(&self) {
        let _ = store::write_json(&self.path, &self.health, Durability::Boot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(exit_code: i32) -> HealthResult {
        HealthResult {
            start: String::new(),
            end: String::new(),
            exit_code,
            output: String::new(),
        }
    }

    #[test]
    fn so_many_failures_in_a_row_make_it_unhealthy_and_one_success_makes_it_well() {
        let mut health = Health::default();
        assert!(!health.take(result(1), false, 2));
        assert_eq!(
            (health.status.as_str(), health.failing_streak),
            ("starting", 0)
        );
        assert!(!health.take(result(1), true, 2));
        assert!(health.take(result(1), true, 2));
        assert_eq!(health.status, "unhealthy");
        assert!(!health.take(result(1), true, 2), "it became so already");
        health.take(result(0), true, 2);
        assert_eq!(
            (health.status.as_str(), health.failing_streak),
            ("healthy", 0)
        );
        for _ in 0..9 {
            health.take(result(0), true, 2);
        }
        assert_eq!(health.log.len(), KEPT);
    }
}
