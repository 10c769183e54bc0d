//! The process beside a container, from its first instruction to its last: `monitor` watches the
//! container, and what it held is released here, after everybody was told of the end.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use monitor::Notice;

use super::charge::Charge;
use super::find::{self, RECORD};
use super::furnish::Furnisher;
use super::launch::{self, MONITOR};
use super::networking::connections;
use super::recover;
use super::restarts::{self, RestartPolicy, Restarts, stopped_mark};
use crate::events::{Event, note};
use crate::{Error, Paths};

/// Runs the monitor of the container `id` below these roots. `starter` is the socket to whoever
/// spawned it, `lock` the container's lock; the process should exit when this returns.
///
/// # Errors
/// Nobody is there to be told; what could not be released is found by the next command.
pub fn supervise(
    data: &Path,
    run: &Path,
    id: &str,
    starter: OwnedFd,
    lock: OwnedFd,
) -> Result<(), Error> {
    let paths = Paths {
        data: data.to_owned(),
        run: run.to_owned(),
        executable: Default::default(),
    };
    let charge = Charge::inherited(&paths, id, lock);
    let failed = |source| Error::Monitor {
        name: id.to_owned(),
        source,
    };
    if !monitor::begins(starter.as_fd()).map_err(failed)? {
        // The starter takes back what it made, or was killed, and the next command does.
        return Ok(());
    }
    let Some(config) = store::read_json(&charge.directory().join(MONITOR))? else {
        return Ok(());
    };
    let Some(mut ended) = lives(&paths, &charge, &config, starter)? else {
        return recover::clear_up(&paths, charge, id);
    };
    let tell = || ended.tell().map_err(failed);
    let released = release(&paths, charge, id, config.removes, tell);
    ended.take_leave().map_err(failed).and(released)
}

/// The container's lives, one after the other, until one is the last: how that one ended, or
/// `None` when everybody was told of it already.
fn lives(
    paths: &Paths,
    charge: &Charge,
    config: &monitor::Config,
    starter: OwnedFd,
) -> Result<Option<monitor::Ended>, Error> {
    let failed = |source| Error::Monitor {
        name: config.id.clone(),
        source,
    };
    let mut plan = restarts::Plan::new();
    let mut starter = Some(starter);
    let furnisher = Furnisher::new(paths, &config.id);
    loop {
        let is_first = starter.is_some();
        let mut ended = monitor::run(config, starter.take(), Some(&furnisher), &|notice| {
            witness(paths, &config.id, notice);
        })
        .map_err(failed)?;
        let Some(pause) = next(paths, &ended, config, &mut plan, is_first)? else {
            return Ok(Some(ended));
        };
        let mut document = Restarts {
            count: plan.count(),
            waiting: true,
        };
        document.write(charge.directory())?;
        // Whoever is too slow to hear it now finds it in the log.
        let told = ended.tell().map_err(failed);
        let code = ended.code;
        drop(ended);
        let root = paths.run_containers();
        match runtime::release(&root, &config.id) {
            Ok(_) | Err(runtime::Error::NotFound { .. }) => {}
            Err(source) => {
                let name = config.id.clone();
                return Err(Error::Runtime { name, source });
            }
        }
        told?;
        sys::memory::release_unused();
        let is_over = || stopped_mark(paths, &config.id).exists();
        if !monitor::pause(charge.directory(), pause, code, is_over).map_err(failed)? {
            return Ok(None);
        }
        if let Some(path) = &config.exit_path {
            launch::expect_the_worst(path)?;
        }
        document.waiting = false;
        document.write(charge.directory())?;
        plan.begin();
    }
}

/// Writes down what the monitor saw.
fn witness(paths: &Paths, id: &str, notice: Notice<'_>) {
    let Ok(Some(record)) = find::record(paths, id) else {
        return;
    };
    let record = &record;
    let event = |action: &str| Event::of_container(record, action);
    let uses = |action| {
        let volumes = record.config.volumes.iter();
        volumes.filter_map(move |volume| Event::of_use(record, volume, action))
    };
    let networks = |action| -> Vec<Event> {
        let connections = connections(paths, id).unwrap_or_default().into_iter();
        connections
            .map(|connection| Event::of_connection(record, &connection, action))
            .collect()
    };
    match notice {
        Notice::Started => {
            let begun = networks("connect").into_iter().chain(uses("mount"));
            note(paths, &begun.chain([event("start")]).collect::<Vec<_>>());
        }
        Notice::Detached => note(paths, &[event("detach")]),
        Notice::Resized { rows, cols } => {
            let event = event("resize").with("height", &rows.to_string());
            note(paths, &[event.with("width", &cols.to_string())]);
        }
        Notice::OutOfMemory => note(paths, &[event("oom")]),
        Notice::Health(status) => note(paths, &[event(&format!("health_status: {status}"))]),
        Notice::Died { code, seconds } => {
            let event = event("die").with("exitCode", &code.to_string());
            let event = event.with("execDuration", &seconds.to_string());
            let ended = std::iter::once(event).chain(networks("disconnect"));
            note(paths, &ended.chain(uses("unmount")).collect::<Vec<_>>());
        }
    }
}

/// How long to wait before the next life, if there is one. The policy may have been changed.
fn next(
    paths: &Paths,
    ended: &monitor::Ended,
    config: &monitor::Config,
    plan: &mut restarts::Plan,
    is_first: bool,
) -> Result<Option<Duration>, Error> {
    if config.removes || (is_first && !ended.began) {
        return Ok(None);
    }
    let Some(record) = find::record(paths, &config.id)? else {
        return Ok(None);
    };
    let policy = record.config.restart;
    if policy == RestartPolicy::No && !ended.restarts {
        return Ok(None);
    }
    if stopped_mark(paths, &config.id).exists() {
        return Ok(None);
    }
    Ok(plan.after(policy, ended.code, ended.restarts))
}

/// Lets nobody find a container that is not to stay, then has everybody told, and then takes the
/// time to release what it held.
fn release(
    paths: &Paths,
    charge: Charge,
    id: &str,
    removes: bool,
    tell: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    if paths.data_dir(id).join(RECORD).exists() {
        let told = tell();
        let cleared = match removes {
            true => recover::clear_away(paths, charge, id),
            false => recover::clear_up(paths, charge, id),
        };
        return cleared.and(told);
    }
    recover::forget(paths, &charge, id)?;
    let told = tell();
    recover::release(paths, &charge, id)?;
    recover::remove_all(paths, charge, id).and(told)
}
