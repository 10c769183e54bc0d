//! Hooks: programs that the configuration wants run at six points of a container's life, each
//! with the container's state on its standard input.
//!
//! Source: runtime-spec, config.md "POSIX-platform Hooks". `prestart` and `createRuntime` run in
//! the parent's namespaces before the root changes, `createContainer` in the container's,
//! `startContainer` just before the program, `poststart` after it, `poststop` after deletion.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use spec::runtime::{Config, Hook};
use spec::state::{State, Status};

use crate::container::Container;
use crate::error::{Error, Fault};

/// How much of what a failed hook said is passed on.
const LONGEST_WORDS: u64 = 4096;

/// Whether any hook has to run before the root changes.
pub(crate) fn before_pivot(config: &Config) -> bool {
    config.hooks.as_ref().is_some_and(|hooks| {
        !(hooks.prestart.is_empty()
            && hooks.create_runtime.is_empty()
            && hooks.create_container.is_empty())
    })
}

/// Runs `list` in order with `state` on standard input; the first failure ends it.
pub(crate) fn run(kind: &'static str, list: &[Hook], state: &State) -> Result<(), Error> {
    run_with(kind, list, state, &[])
}

/// The hooks that follow the start of the program.
pub(crate) fn after_start(container: &Container) -> Result<(), Error> {
    let hooks = &container.record.poststart;
    if hooks.is_empty() {
        return Ok(());
    }
    run("poststart", hooks, &container.state_as(Status::Running))
}

/// The hooks that follow the deletion. All of them run; those that failed are given back, because
/// the specification wants them told and nothing else.
pub(crate) fn after_stop(container: &Container) -> Vec<Error> {
    let state = container.state_as(Status::Stopped);
    let hooks = container.record.poststop.iter().enumerate();
    let failed = hooks.filter_map(|(index, hook)| {
        let why = run_one(hook, &state, &[]).err()?;
        Some(failure("poststop", index, hook, why))
    });
    failed.collect()
}

/// The hooks that run inside the container's namespaces before the root changes.
pub(crate) fn create_container(config: &Config, state: &State) -> Result<(), Fault> {
    let list = config.hooks.as_ref().map(|hooks| &hooks.create_container);
    inside("createContainer", list, state, &[])
}

/// The hooks between `start` and the program. Those that name no environment get the program's.
pub(crate) fn start_container(
    config: &Config,
    state: &State,
    environment: &[CString],
) -> Result<(), Fault> {
    let list = config.hooks.as_ref().map(|hooks| &hooks.start_container);
    inside("startContainer", list, state, environment)
}

/// Runs a list with the pid as the container sees it.
fn inside(
    kind: &'static str,
    list: Option<&Vec<Hook>>,
    state: &State,
    environment: &[CString],
) -> Result<(), Fault> {
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        return Ok(());
    };
    let state = State {
        pid: Some(rustix::process::getpid().as_raw_pid()),
        ..state.clone()
    };
    run_with(kind, list, &state, environment)
        .map_err(|error| Fault::new(error.to_string(), rustix::io::Errno::CANCELED))
}

fn run_with(
    kind: &'static str,
    list: &[Hook],
    state: &State,
    environment: &[CString],
) -> Result<(), Error> {
    list.iter().enumerate().try_for_each(|(index, hook)| {
        run_one(hook, state, environment).map_err(|why| failure(kind, index, hook, why))
    })
}

fn failure(kind: &'static str, index: usize, hook: &Hook, why: String) -> Error {
    Error::Hook {
        kind,
        index,
        path: hook.path.clone(),
        why,
    }
}

/// `environment` is for a hook that has none of its own.
fn run_one(hook: &Hook, state: &State, environment: &[CString]) -> Result<(), String> {
    let mut command = Command::new(&hook.path);
    if let Some((name, rest)) = hook.args.split_first() {
        command.arg0(name).args(rest);
    }
    let own = hook.env.iter().map(OsStr::new);
    let given = environment
        .iter()
        .map(|entry| OsStr::from_bytes(entry.as_bytes()))
        .filter(|_| hook.env.is_empty());
    command.env_clear();
    command.envs(own.chain(given).filter_map(variable));
    // Files and no pipes: a hook that does not read its state or leaves a child behind that keeps
    // its error output open keeps nobody waiting.
    let mut said = memory_file(b"")?;
    let document = serde_json::to_vec(state).map_err(|error| error.to_string())?;
    command
        .stdin(memory_file(&document)?)
        .stdout(Stdio::null())
        .stderr(said.try_clone().map_err(|error| error.to_string())?);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    if let Some(seconds) = hook.timeout {
        let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        end_in_time(&mut child, limit)?;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(());
    }
    let mut words = Vec::new();
    // What it said is a help; without it the status has to do.
    let _ = said.rewind();
    let _ = said.take(LONGEST_WORDS).read_to_end(&mut words);
    let words = String::from_utf8_lossy(&words).trim().to_owned();
    let colon = if words.is_empty() { "" } else { ": " };
    Err(format!("{status}{colon}{words}"))
}

/// `NAME=value` in two.
fn variable(entry: &OsStr) -> Option<(&OsStr, &OsStr)> {
    let bytes = entry.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (bytes.get(..at)?, bytes.get(at + 1..)?);
    Some((OsStr::from_bytes(name), OsStr::from_bytes(value)))
}

fn memory_file(content: &[u8]) -> Result<File, String> {
    let made = memfd_create("hook", MemfdFlags::CLOEXEC).map_err(|errno| errno.to_string())?;
    let mut file = File::from(made);
    let written = file.write_all(content).and_then(|()| file.rewind());
    written.map_err(|error| error.to_string())?;
    Ok(file)
}

/// Kills a hook that has not ended within `limit`.
fn end_in_time(child: &mut Child, limit: Duration) -> Result<(), String> {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or("no process id")?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| errno.to_string())?;
    let timeout = Timespec::try_from(limit).map_err(|error| error.to_string())?;
    let mut fds = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
    match poll(&mut fds, Some(&timeout)) {
        Ok(0) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(format!("it did not end within {} s", limit.as_secs()))
        }
        Ok(_) => Ok(()),
        Err(errno) => Err(errno.to_string()),
    }
}
