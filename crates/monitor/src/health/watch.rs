//! The watch over a container's health: it takes one look after the other, within the loop of the
//! monitor.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use store::Durability;
use store::time::now_rfc3339;
use sys::spawn::Spawn;

use super::connection::{Connection, Target};
use super::results::{Health, HealthResult};
use super::{HEALTH, Look, Probe};
use crate::poller::Poller;

/// How much of the output of a look is kept, as in Docker.
const OUTPUT: usize = 4096;

/// A look that is being taken.
struct Running {
    start: String,
    by: By,
}

enum By {
    Program {
        pid: Pid,
        output: OwnedFd,
    },
    Network {
        connection: Connection,
        until: Instant,
    },
}

/// The watch over a container's health.
pub(crate) struct HealthWatch {
    probe: Probe,
    /// The container's first process.
    container: Pid,
    /// In its network; made once, or why not.
    sockets: Result<Vec<OwnedFd>, Errno>,
    path: PathBuf,
    health: Health,
    began: Instant,
    next: Instant,
    running: Option<Running>,
}

impl HealthWatch {
    /// Begins to watch a container that has just started.
    pub(crate) fn new(probe: &Probe, run_directory: &Path, container: Pid) -> Self {
        let now = Instant::now();
        let sockets = match &probe.look {
            Look::Network(target) => runtime::sockets_in_network(container, &target.addresses),
            Look::Program | Look::File(_) => Ok(Vec::new()),
        };
        let mut watch = Self {
            probe: probe.clone(),
            container,
            sockets,
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

    /// How long nothing is to be done; `None` while a program looks.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let at = match self.running.as_ref().map(|running| &running.by) {
            None => self.next,
            Some(By::Network { until, .. }) => *until,
            Some(By::Program { .. }) => return None,
        };
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// Takes a look if it is time to, and ends one whose time is over. True when the container has
    /// just become unhealthy.
    pub(crate) fn on_time(&mut self, poller: &Poller) -> bool {
        let now = Instant::now();
        match self.running.as_ref().map(|running| &running.by) {
            Some(By::Network { until, .. }) if *until <= now => {
                let ms = self.probe.timeout;
                let words = format!("Health check exceeded timeout ({ms}ms)");
                self.end_network_look(poller, (-1, words))
            }
            None if self.next <= now => self.begin(poller),
            _ => false,
        }
    }

    fn begin(&mut self, poller: &Poller) -> bool {
        let start = now_rfc3339();
        let begun = match &self.probe.look {
            Look::Program => self.spawn().map_err(|errno| {
                // It counts as a failure: nobody can say that the container is well.
                let why = std::io::Error::from(errno);
                (1, format!("starting the probe: {why}"))
            }),
            Look::Network(target) => self.begin_network_look(target, poller),
            Look::File(path) => Err(self.find(path)),
        };
        match begun {
            Ok(by) => {
                self.running = Some(Running { start, by });
                false
            }
            Err((code, words)) => self.finish(start, code, words),
        }
    }

    fn find(&self, path: &Path) -> (i32, String) {
        let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = format!("/proc/{}/root", self.container.as_raw_pid());
        let found = open(root, directory, Mode::empty())
            .and_then(|root| sys::path::open_in_root(root.as_fd(), path, OFlags::PATH));
        match found {
            Ok(_) => (0, String::new()),
            Err(errno) => (
                1,
                format!("{}: {}", path.display(), std::io::Error::from(errno)),
            ),
        }
    }

    fn begin_network_look(&self, target: &Target, poller: &Poller) -> Result<By, (i32, String)> {
        let sockets = self.sockets.as_ref().map_err(|errno| {
            let why = std::io::Error::from(*errno);
            (1, format!("entering the network of the container: {why}"))
        })?;
        Ok(By::Network {
            connection: Connection::begin(target, sockets, poller)?,
            until: Instant::now() + Duration::from_millis(self.probe.timeout),
        })
    }

    /// The network has something to say. True when the container has just become unhealthy.
    pub(crate) fn heard(&mut self, poller: &Poller) -> bool {
        let (Ok(sockets), Look::Network(target)) = (&self.sockets, &self.probe.look) else {
            return false;
        };
        let Some(By::Network { connection, .. }) = self.running.as_mut().map(|it| &mut it.by)
        else {
            return false;
        };
        match connection.go_on(target, sockets, poller) {
            Some(verdict) => self.end_network_look(poller, verdict),
            None => false,
        }
    }

    fn end_network_look(&mut self, poller: &Poller, (code, words): (i32, String)) -> bool {
        let Some(running) = self.running.take() else {
            return false;
        };
        if let (By::Network { mut connection, .. }, Ok(sockets)) = (running.by, &self.sockets) {
            connection.leave(sockets, poller);
        }
        self.finish(running.start, code, words)
    }

    fn spawn(&self) -> Result<By, Errno> {
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
        let pid = probe.start()?;
        Ok(By::Program { pid, output })
    }

    /// A child of ours ended: if it was the look, its result is taken in. True when the container
    /// has just become unhealthy.
    pub(crate) fn ended(&mut self, child: Pid, code: i32) -> bool {
        let is_it =
            |running: &mut Running| matches!(running.by, By::Program { pid, .. } if pid == child);
        let Some(Running {
            start,
            by: By::Program { output, .. },
        }) = self.running.take_if(is_it)
        else {
            return false;
        };
        let mut bytes = vec![0; OUTPUT];
        let length = rustix::io::read(&output, &mut bytes).unwrap_or(0);
        bytes.truncate(length);
        let output = String::from_utf8_lossy(&bytes).into_owned();
        self.finish(start, code, output)
    }

    /// True when the container has just become unhealthy.
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
