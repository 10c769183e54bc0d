//! Hooks: programs that the configuration wants run at six points of a container's life, each
//! with the container's state on its standard input.
//!
//! Source: runtime-spec, config.md "POSIX-platform Hooks". `prestart` and `createRuntime` run in
//! the parent's namespaces before the root changes, `createContainer` in the container's,
//! `startContainer` just before the program, `poststart` after it, `poststop` after deletion.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use spec::runtime::{Config, Hook, Hooks};
use spec::state::{State, Status};

use crate::container::Container;
use crate::error::{Error, Fault};

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
    let state = serde_json::to_vec(state).unwrap_or_default();
    list.iter().try_for_each(|hook| {
        run_one(hook, &state).map_err(|why| Error::Hook {
            kind,
            path: hook.path.clone(),
            why,
        })
    })
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
    let hooks = container.record.poststop.chunks(1);
    hooks
        .filter_map(|hook| run("poststop", hook, &state).err())
        .collect()
}

/// The hooks that run inside the container's namespaces before the root changes.
pub(crate) fn create_container(config: &Config, state: &State) -> Result<(), Fault> {
    inside("createContainer", config, state, |hooks| {
        &hooks.create_container
    })
}

/// The hooks between `start` and the program.
pub(crate) fn start_container(config: &Config, state: &State) -> Result<(), Fault> {
    inside("startContainer", config, state, |hooks| {
        &hooks.start_container
    })
}

/// Runs a list with the pid as the container sees it.
fn inside(
    kind: &'static str,
    config: &Config,
    state: &State,
    list: impl Fn(&Hooks) -> &Vec<Hook>,
) -> Result<(), Fault> {
    let Some(hooks) = config
        .hooks
        .as_ref()
        .map(list)
        .filter(|list| !list.is_empty())
    else {
        return Ok(());
    };
    let pid = Some(rustix::process::getpid().as_raw_pid());
    run(
        kind,
        hooks,
        &State {
            pid,
            ..state.clone()
        },
    )
    .map_err(|error| Fault::new(error.to_string(), rustix::io::Errno::CANCELED))
}

fn run_one(hook: &Hook, state: &[u8]) -> Result<(), String> {
    let mut command = Command::new(&hook.path);
    if let Some((name, rest)) = hook.args.split_first() {
        command.arg0(name).args(rest);
    }
    command.env_clear();
    command.envs(hook.env.iter().filter_map(|entry| entry.split_once('=')));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A hook need not read its state; then the pipe breaks, which is no failure.
        let _ = stdin.write_all(state);
    }
    if let Some(seconds) = hook.timeout {
        let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        end_in_time(&mut child, limit)?;
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let colon = if words.is_empty() { "" } else { ": " };
    Err(format!("{}{colon}{words}", output.status))
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
