//! A monitor from its first to its last step. Each step is in the file it names; here is their
//! order, and what happens when one fails.

use std::error::Error as _;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use runtime::cgroup::Cgroup;
use runtime::{Exit, Process, Request, Stdio};
use rustix::fs::unlink;
use rustix::io::Errno;
use rustix::process::{Signal, chdir, getpid, pidfd_send_signal, set_child_subreaper};
use store::Durability;
use store::time::now_rfc3339;
use sys::signals::{SignalSet, signal_number, signalfd};
use sys::spawn::Spawn;

use crate::clients::Clients;
use crate::event_loop::{EventLoop, Setup};
use crate::exit::EXIT_VERSION;
use crate::farewell::Farewell;
use crate::log::JsonFile;
use crate::protocol::FromMonitor;
use crate::streams::{self, Streams};
use crate::{Config, Error, ExitRecord, socket};

/// A container that runs, and what the monitor has to do with it.
struct Running {
    process: Process,
    streams: Streams,
    listener: OwnedFd,
    log: Option<JsonFile>,
    started_at: String,
}

/// How it went.
struct End {
    code: i32,
    signal: Option<i32>,
    started_at: Option<String>,
    error: Option<String>,
    last: FromMonitor<'static>,
    farewell: Farewell,
}

/// Makes the container, stays beside it, and writes down how it ended. The calling process must
/// be a fresh one with a single thread, in a session of its own, with `/dev/null` as its standard
/// streams; it should exit when this returns. `starter` is the socket to whoever spawned it,
/// `lock` the container's lock, held until the container is gone.
///
/// # Errors
/// What is left to be swept by whoever takes the lock next; nobody is there to be told. That the
/// container could not be started is no error here: the starter was told, and `exit.json` says
/// it.
pub fn run(config: &Config, starter: OwnedFd, lock: OwnedFd) -> Result<(), Error> {
    let signals = become_monitor().map_err(failed("setting the process up"))?;
    let directory = config.root.join(&config.id);
    let end = match begin(config, &directory) {
        Ok(running) => live(running, config, starter, signals)?,
        Err(error) => refuse(&error, starter)?,
    };
    let left = clean_up(config, &directory, &end);
    take_leave(config, end, lock).and(left)
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
fn begin(config: &Config, directory: &Path) -> Result<Running, Error> {
    let log = config.log.as_ref().map(JsonFile::open).transpose()?;
    let listener = socket::bind_in(directory)?;
    let opening = failed("opening the container's streams");
    let (stdio, pipes) = if config.terminal {
        (Stdio::Terminal, None)
    } else {
        let (stdio, streams) = streams::pipes(config.open_stdin).map_err(opening)?;
        (stdio, Some(streams))
    };
    let created = runtime::create(Request {
        root: &config.root,
        id: &config.id,
        bundle: &config.bundle,
        stdio,
        adopt: true,
        dies_with_parent: true,
        start_later: false,
        no_pivot: false,
        preserve_fds: 0,
        listen_fds: 0,
        config: None,
        pidfd_socket: None,
        console_socket: None,
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
    })
}

/// The container runs: to its end, and until all it wrote is in the log.
fn live(
    running: Running,
    config: &Config,
    starter: OwnedFd,
    signals: OwnedFd,
) -> Result<End, Error> {
    let Running {
        process,
        streams,
        listener,
        log,
        started_at,
    } = running;
    let serving = failed("serving the container's streams");
    let started = FromMonitor::Started {
        pid: process.pid.as_raw_pid(),
    };
    // A starter that is gone already needs no telling.
    let _ = started.send(starter.as_fd());
    let stdin_once = config.stdin_once;
    let setup = Setup {
        process: &process,
        streams,
        stdin_once,
        listener,
        starter,
        signals,
        log,
    };
    let mut event_loop = EventLoop::new(setup).map_err(serving)?;
    // Making the container took more memory than watching it takes.
    sys::heap::release_unused();
    let (exit, loop_error) = match event_loop.run() {
        Ok(exit) => (exit, None),
        Err(error) => (kill(&process)?, Some(error)),
    };
    let drained = event_loop.drain();
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
        error: loop_error
            .or(drained.log_error)
            .map(|error| sentence(&error)),
        last: FromMonitor::Exited { code: exit.code() },
        farewell,
    })
}

/// Nobody can carry the container's streams any more, so it must not go on.
fn kill(process: &Process) -> Result<Exit, Error> {
    pidfd_send_signal(&process.pidfd, Signal::KILL).map_err(failed("killing the container"))?;
    Ok(process.wait()?)
}

/// The container could not be started.
fn refuse(error: &Error, starter: OwnedFd) -> Result<End, Error> {
    let telling = failed("telling the starter");
    let clients = Clients::new(starter).map_err(telling)?;
    let message = sentence(error);
    let code = error.exit_code();
    Ok(End {
        code,
        signal: None,
        started_at: None,
        error: Some(message.clone()),
        last: FromMonitor::Failed {
            exit_code: code,
            message: message.into(),
        },
        farewell: Farewell::new(clients, None, [Vec::new(), Vec::new()]).map_err(telling)?,
    })
}

/// Writes the end down and frees what the container held. One failed step does not keep the
/// others from being tried; the first error is returned.
fn clean_up(config: &Config, directory: &Path, end: &End) -> Result<(), Error> {
    let durability = if config.exit_durable {
        Durability::Durable
    } else {
        Durability::Boot
    };
    let record = ExitRecord {
        version: EXIT_VERSION,
        code: end.code,
        signal: end.signal,
        oom_killed: end.started_at.is_some() && met_memory_limit(config),
        started_at: end.started_at.clone(),
        finished_at: now_rfc3339(),
        error: end.error.clone(),
    };
    let written = record.write(&config.exit_path, durability);
    // While anything of the container may live, nobody else may have its ids.
    let released = release(config).and_then(|()| match &config.id_range {
        Some(range) => unlink(range).map_err(failed("freeing the id range")),
        None => Ok(()),
    });
    let unlinked = socket::unlink_in(directory).map_err(failed("unlinking the socket"));
    written.and(released).and(unlinked)
}

/// Whether the kernel killed one of the container's processes for want of memory; asked before
/// the cgroup that counts them is removed.
fn met_memory_limit(config: &Config) -> bool {
    let record = runtime::inspect(&config.root, &config.id);
    let paths = record.ok().and_then(|(record, _)| record.cgroup);
    let cgroup = paths.and_then(|paths| Cgroup::open(&paths).ok());
    cgroup.is_some_and(|cgroup| cgroup.oom_kills() > 0)
}

fn release(config: &Config) -> Result<(), Error> {
    match runtime::release(&config.root, &config.id) {
        Ok(_) | Err(runtime::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(Error::Runtime(error)),
    }
}

/// Tells everybody, lets the lock go when the container is nobody's business any more, and has it
/// removed if it is to be.
fn take_leave(config: &Config, end: End, lock: OwnedFd) -> Result<(), Error> {
    let End {
        last, mut farewell, ..
    } = end;
    let telling = failed("telling the clients");
    if config.cleanup.is_empty() {
        drop(lock);
        return farewell.finish(&last).map_err(telling);
    }
    let starter_removes = farewell.ask_starter(&last).map_err(telling)?;
    drop(lock);
    let removed = if starter_removes {
        Ok(())
    } else {
        remove(&config.cleanup)
    };
    farewell.finish(&last).map_err(telling).and(removed)
}

/// Has the container removed by this same binary, which is found even if it was replaced.
fn remove(arguments: &[String]) -> Result<(), Error> {
    let spawning = failed("spawning the removal");
    let argv: Result<Vec<CString>, _> = arguments
        .iter()
        .map(|argument| CString::new(argument.as_str()))
        .collect();
    let argv = argv.map_err(|_| spawning(Errno::INVAL))?;
    let removal = Spawn {
        program: c"/proc/self/exe",
        argv: &argv,
        envp: &[],
        fds: &[],
        new_session: true,
    };
    removal.start().map(drop).map_err(spawning)
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
