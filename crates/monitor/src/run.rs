//! A monitor from its first to its last step. Each step is in the file it names; here is their
//! order, and what happens when one fails.

use std::error::Error as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use runtime::cgroup::{Cgroup, Manager, OomWatch, Totals};
use runtime::{Exit, Furnisher, Process, Request, Stdio};
use rustix::io::Errno;
use rustix::process::{Signal, chdir, getpid, pidfd_send_signal, set_child_subreaper};
use store::Durability;
use store::time::now_rfc3339;
use sys::signals::{SignalSet, signal_number, signalfd};

use crate::clients::Clients;
use crate::event_loop::{EventLoop, Setup};
use crate::exit::EXIT_VERSION;
use crate::exit::SENT;
use crate::farewell::Farewell;
use crate::health::HealthWatch;
use crate::log::Log;
use crate::protocol::{FromClient, FromMonitor};
use crate::streams::{self, Streams};
use crate::{Config, Error, ExitRecord, Notice, Witness, oom, socket};

/// A container that runs, and what the monitor has to do with it.
struct Running {
    process: Process,
    streams: Streams,
    listener: OwnedFd,
    log: Option<Log>,
    started_at: String,
    /// Whether its cgroup has a limit of memory.
    is_limited: bool,
}

/// What the kernel counted of a container that ended.
#[derive(Default)]
struct Counted {
    totals: Totals,
    /// Processes that were killed for want of memory.
    oom_kills: u64,
}

/// How it went.
struct End {
    code: i32,
    signal: Option<i32>,
    started_at: Option<String>,
    oom_killed: bool,
    error: Option<String>,
    log_lost: u64,
    counted: Counted,
    restarts: bool,
    last: FromMonitor<'static>,
    farewell: Farewell,
    sources: Vec<OwnedFd>,
    /// How long it ran.
    lasted: Duration,
}

/// A container that ended, of which nobody was told yet.
pub struct Ended {
    /// Its exit code; 128 + n when signal n ended it.
    pub code: i32,
    /// Whether its program ran at all.
    pub began: bool,
    /// Whether it was killed to be started again.
    pub restarts: bool,
    last: FromMonitor<'static>,
    farewell: Farewell,
    /// What its mounts were made from, closed only once everybody has been told: see
    /// [`Process::sources`].
    _sources: Vec<OwnedFd>,
}

impl Ended {
    /// Tells everybody who has room for it now.
    ///
    /// # Errors
    /// When the kernel gives no more room to watch for it.
    pub fn tell(&mut self) -> Result<(), Error> {
        self.farewell.tell(&self.last).map_err(failed(TELLING))
    }

    /// Tells the others, each at its own pace.
    ///
    /// # Errors
    /// When they cannot be waited for.
    pub fn take_leave(self) -> Result<(), Error> {
        self.farewell.finish(&self.last).map_err(failed(TELLING))
    }
}

const TELLING: &str = "telling the clients";

/// Waits for the starter's word that everything the monitor needs is written down; false when the
/// starter gave up, or was killed, before.
///
/// # Errors
/// When the starter says something else.
pub fn begins(starter: BorrowedFd<'_>) -> Result<bool, Error> {
    let mut buffer = [0; 8];
    match FromClient::peek(starter, &mut buffer)? {
        None => Ok(false),
        Some(FromClient::Attach { .. }) => Ok(true),
        Some(FromClient::Begin) => Ok(FromClient::receive(starter, &mut buffer)?.is_some()),
        Some(_) => Err(failed("waiting for the starter")(Errno::PROTO)),
    }
}

/// Makes the container, stays beside it, and writes down how it ended. The calling process must
/// be a fresh one with a single thread, in a session of its own, with `/dev/null` as its standard
/// streams. `starter` is the socket to whoever spawned it, after [`begins`]; there is none when the
/// container is started again. `furnisher` gives the container its networks, `witness` is told what
/// happens. Whoever calls this releases what the container held.
///
/// # Errors
/// What is left to be swept by whoever takes the lock next; nobody is there to be told. That the
/// container could not be started is no error here: the starter is told, and `exit.json` says
/// it.
pub fn run(
    config: &Config,
    starter: Option<OwnedFd>,
    furnisher: Option<&dyn Furnisher>,
    witness: Witness<'_>,
) -> Result<Ended, Error> {
    let signals = become_monitor().map_err(failed("setting the process up"))?;
    let directory = config.root.join(&config.id);
    let end = match begin(config, &directory, furnisher) {
        Ok(running) => live(running, config, starter, signals, witness)?,
        Err(error) => refuse(&error, starter)?,
    };
    write_down(config, &end, witness)?;
    Ok(Ended {
        code: end.code,
        began: end.started_at.is_some(),
        restarts: end.restarts,
        last: end.last,
        farewell: end.farewell,
        _sources: end.sources,
    })
}

/// Leaves the starter's surroundings: its directory, and the signals of whoever ends groups of
/// processes. A monitor goes when its container does, so all signals stay blocked but SIGCHLD,
/// which is read.
fn become_monitor() -> Result<OwnedFd, Errno> {
    chdir("/")?;
    set_child_subreaper(Some(getpid()))?;
    SignalSet::all().block()?;
    signalfd(&SignalSet::of(&[signal_number("CHLD").unwrap_or_default()]))
}

/// Opens everything the container needs from us, then makes and starts it.
fn begin(
    config: &Config,
    directory: &Path,
    furnisher: Option<&dyn Furnisher>,
) -> Result<Running, Error> {
    let log = config.log.as_ref().map(Log::open).transpose()?;
    let listener = socket::bind_in(directory)?;
    let opening = failed("opening the container's streams");
    let (stdio, pipes) = if config.terminal {
        (Stdio::Terminal, None)
    } else {
        let (stdio, streams) = streams::pipes(config.open_stdin).map_err(opening)?;
        (stdio, Some(streams))
    };
    let spec = runtime::load(&config.bundle.join("config.json"))?;
    let resources = spec
        .linux
        .as_ref()
        .and_then(|linux| linux.resources.as_ref());
    let memory = resources.and_then(|resources| resources.memory.as_ref());
    let is_limited = memory.is_some_and(|memory| memory.limit.is_some());
    let created = runtime::create(Request {
        root: &config.root,
        id: &config.id,
        bundle: &config.bundle,
        stdio,
        adopt: true,
        dies_with_parent: true,
        start_later: false,
        no_pivot: false,
        no_new_keyring: false,
        preserve_fds: 0,
        listen_fds: 0,
        config: spec,
        config_path: None,
        pidfd_socket: None,
        console_socket: None,
        cgroup_manager: &config.cgroup_manager,
        filters: config.filters.as_deref(),
        furnisher,
        notify: false,
        trace: runtime::Trace::default(),
    })?;
    let process = created.start()?;
    let started_at = now_rfc3339();
    let streams = match (pipes, &process.terminal) {
        (None, Some(master)) => streams::terminal(master, config.open_stdin).map_err(opening)?,
        (Some(pipes), _) => pipes,
        (None, None) => return Err(opening(Errno::NOTTY)),
    };
    Ok(Running {
        process,
        streams,
        listener,
        log,
        started_at,
        is_limited,
    })
}

/// The container runs: to its end, and until all it wrote is in the log.
fn live(
    running: Running,
    config: &Config,
    starter: Option<OwnedFd>,
    signals: OwnedFd,
    witness: Witness<'_>,
) -> Result<End, Error> {
    let began = Instant::now();
    witness(Notice::Started);
    let Running {
        process,
        streams,
        listener,
        log,
        started_at,
        is_limited,
    } = running;
    let serving = failed("serving the container's streams");
    tell_started(starter.as_ref(), &process);
    let stdin_once = config.stdin_once;
    let setup = Setup {
        process: &process,
        streams,
        stdin_once,
        listener,
        starter,
        signals,
        memory: watch_memory(config, is_limited),
        log,
        health: config
            .health
            .as_ref()
            .map(|probe| HealthWatch::new(probe, &config.bundle, process.pid)),
        witness,
    };
    let mut event_loop = EventLoop::new(setup).map_err(serving)?;
    // Making the container took more memory than watching it takes.
    sys::memory::release_unused();
    let (exit, loop_error) = match event_loop.run() {
        Ok(exit) => (exit, None),
        Err(error) => (kill(&process)?, Some(error)),
    };
    let counted = count(config, exit);
    let drained = event_loop.drain();
    let (log_lost, restarts) = (drained.log_lost, drained.restarts);
    let mut farewell =
        Farewell::new(drained.clients, Some(drained.listener), drained.rests).map_err(serving)?;
    farewell.send_rests().map_err(serving)?;
    let signal = match exit {
        Exit::Signal(signal) => Some(signal),
        Exit::Code(_) => None,
    };
    Ok(End {
        code: exit.code(),
        signal,
        started_at: Some(started_at),
        oom_killed: drained.oom_killed,
        error: loop_error
            .or(drained.log_error)
            .map(|error| sentence(&error)),
        log_lost,
        counted,
        restarts,
        last: FromMonitor::Exited { code: exit.code() },
        farewell,
        sources: process.sources,
        lasted: began.elapsed(),
    })
}

/// A starter that is gone already needs no telling.
fn tell_started(starter: Option<&OwnedFd>, process: &Process) {
    let started = FromMonitor::Started {
        pid: process.pid.as_raw_pid(),
    };
    if let Some(starter) = starter {
        let _ = started.send(starter.as_fd());
    }
}

/// Nobody can carry the container's streams any more, so it must not go on.
fn kill(process: &Process) -> Result<Exit, Error> {
    pidfd_send_signal(&process.pidfd, Signal::KILL).map_err(failed("killing the container"))?;
    Ok(process.wait()?)
}

/// The container could not be started.
fn refuse(error: &Error, starter: Option<OwnedFd>) -> Result<End, Error> {
    let telling = failed("telling the starter");
    let clients = Clients::new(starter).map_err(telling)?;
    let message = sentence(error);
    let code = error.exit_code();
    Ok(End {
        code,
        signal: None,
        started_at: None,
        oom_killed: false,
        error: Some(message.clone()),
        log_lost: 0,
        counted: Counted::default(),
        restarts: false,
        last: FromMonitor::Failed {
            exit_code: code,
            message: message.into(),
        },
        farewell: Farewell::new(clients, None, [Vec::new(), Vec::new()]).map_err(telling)?,
        sources: Vec::new(),
        lasted: Duration::ZERO,
    })
}

/// Writes the end down, for a container that outlives it, and tells the witness.
fn write_down(config: &Config, end: &End, witness: Witness<'_>) -> Result<(), Error> {
    let began = end.started_at.is_some();
    let oom_killed = end.counted.oom_kills > 0;
    if let Some(path) = &config.exit_path {
        let record = ExitRecord {
            version: EXIT_VERSION,
            code: end.code,
            signal: end.signal,
            oom_killed: end.oom_killed || oom_killed,
            started_at: end.started_at.clone(),
            finished_at: now_rfc3339(),
            error: end.error.clone(),
            oom_kill: oom_killed.then(|| oom::last_kill(&config.id)).flatten(),
            sent: store::read_json(&config.bundle.join(SENT)).unwrap_or_default(),
            memory_peak: end.counted.totals.memory_peak,
            cpu_time: end.counted.totals.cpu_time,
            block_read: end.counted.totals.block_read,
            block_written: end.counted.totals.block_written,
            log_lost: end.log_lost,
        };
        record.write(path, Durability::Durable)?;
    }
    if oom_killed && !end.oom_killed {
        witness(Notice::OutOfMemory);
    }
    if began {
        witness(Notice::Died {
            code: end.code,
            seconds: end.lasted.as_secs(),
        });
    }
    Ok(())
}

/// What the kernel counted in the container's cgroup, asked as soon as the container ended, since
/// systemd removes its scope.
fn count(config: &Config, exit: Exit) -> Counted {
    // Nobody can ask later how a container ended that is removed at its end.
    let is_asked = config.exit_path.is_some() || exit.code() != 0;
    let counted = cgroup(config).filter(|_| is_asked).map(|cgroup| Counted {
        totals: cgroup.totals(),
        oom_kills: cgroup.oom_kills(),
    });
    counted.unwrap_or_default()
}

/// Whether kills have to be counted while the container runs: systemd removes a scope as soon as
/// nobody is in it, and with it what the kernel counted; and where there is a limit, a container
/// may outlive a kill that is to be told.
fn watch_memory(config: &Config, is_limited: bool) -> Option<OomWatch> {
    let is_lost =
        matches!(config.cgroup_manager, Manager::Systemd(_)) && config.exit_path.is_some();
    match is_limited || is_lost {
        true => cgroup(config)?.watch_oom().ok(),
        false => None,
    }
}

/// The container's cgroup, which is asked before it is removed.
fn cgroup(config: &Config) -> Option<Cgroup> {
    let record = runtime::inspect(&config.root, &config.id);
    let paths = record.ok().and_then(|(record, _)| record.cgroup);
    paths.and_then(|paths| Cgroup::open(&paths).ok())
}

/// An error with its causes, as one line.
fn sentence(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn failed(operation: &'static str) -> impl Fn(Errno) -> Error + Copy {
    move |errno| Error::Monitor { operation, errno }
}
