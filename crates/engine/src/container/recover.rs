//! Clearing up: after a container that ended, after a monitor or a command that was killed, after
//! a boot. All of it follows from a container's id, each step is safe to repeat, and the run
//! directory with its lock goes last, so that whatever is interrupted is found again.

use std::path::{Path, PathBuf};

use monitor::ExitRecord;
use store::{Durability, names};

use super::charge::Charge;
use super::find::RECORD;
use super::launch::MONITOR;
use super::networking::{self, NETWORKS};
use super::oci_spec::cgroup_path;
use super::record::Record;
use super::restarts::RESTARTS;
use crate::events::{Event, note};
use crate::paths::UNFINISHED;
use crate::volumes::remove_anonymous;
use crate::{Engine, Error, Paths};

/// The error in the record of a container whose monitor could not write a better one.
pub(super) const MONITOR_KILLED: &str = "the monitor of the container was killed";

/// The documents in a run directory that only matter while the container runs.
const OF_A_RUN: [&str; 7] = [
    MONITOR,
    NETWORKS,
    "config.json",
    "attach.sock",
    monitor::HEALTH,
    monitor::SENT,
    RESTARTS,
];

/// What the record of a container is called that nobody shall find any more.
pub(super) const FORGOTTEN: &str = "record.gone";

/// How many run directories one command looks at by the way.
const BY_THE_WAY: usize = 64;

/// Ends what may still run of a container, and frees its cgroup and its id range.
pub(super) fn release(paths: &Paths, charge: &Charge, id: &str) -> Result<(), Error> {
    let failed = |source| Error::Runtime {
        name: id.get(..12).unwrap_or(id).to_owned(),
        source,
    };
    match runtime::release(&paths.run_containers(), id) {
        // The engine gives no container hooks that could have failed.
        Ok(_) => {}
        // A cgroup may have been made before there was a state to remember it in.
        Err(runtime::Error::NotFound { .. }) => {
            runtime::cgroup::remove_by_path(&cgroup_of(charge, id)?)
                .map_err(|error| failed(runtime::Error::Cgroup(error)))?
        }
        Err(error) => return Err(failed(error)),
    }
    networking::release(paths, id, charge.directory().join(MONITOR).exists())?;
    free_id_range(paths, charge, id)?;
    for document in OF_A_RUN {
        store::remove_tree(&charge.directory().join(document))?;
    }
    Ok(())
}

/// The cgroup that was asked for, if it was written down; else it is named after the id alone.
fn cgroup_of(charge: &Charge, id: &str) -> Result<String, Error> {
    let config: Option<spec::runtime::Config> =
        store::read_json(&charge.directory().join("config.json"))?;
    let path = config.and_then(|config| config.linux?.cgroups_path);
    let path = path.filter(|path| !path.contains(':'));
    Ok(path.unwrap_or_else(|| cgroup_path(None, id)))
}

fn free_id_range(paths: &Paths, charge: &Charge, id: &str) -> Result<(), Error> {
    let config: Option<monitor::Config> = store::read_json(&charge.directory().join(MONITOR))?;
    match config.map(|config| config.id_range.as_deref().and_then(name_of)) {
        Some(Some(name)) => free_claim(&paths.id_ranges(), &name, id),
        Some(None) => Ok(()),
        // It was not written down yet, but may have been claimed.
        None => free_claims(&paths.id_ranges(), id),
    }
}

/// Frees every claim of a container in a directory.
fn free_claims(directory: &Path, id: &str) -> Result<(), Error> {
    entries(directory)
        .filter_map(|claim| name_of(&claim))
        .try_for_each(|name| free_claim(directory, &name, id))
}

/// Frees a claim, if it is this container's.
fn free_claim(directory: &Path, name: &str, id: &str) -> Result<(), Error> {
    if names::resolve(directory, name)?.as_deref() == Some(id) {
        names::release(directory, name)?;
    }
    Ok(())
}

/// Brings a container that does not run any more to rest: a durable one keeps its data, of any
/// other nothing stays.
pub(crate) fn clear_up(paths: &Paths, charge: Charge, id: &str) -> Result<(), Error> {
    release(paths, &charge, id)?;
    let home = paths.data_dir(id);
    if !home.join(RECORD).exists() {
        return remove_all(paths, charge, id);
    }
    date_the_end(paths, &home)?;
    if was_to_be_removed(&home)? {
        return remove_all(paths, charge, id);
    }
    charge.give_up()
}

/// Whether a container ran that is not to outlive its end.
fn was_to_be_removed(home: &Path) -> Result<bool, Error> {
    if !home.join("exit.json").exists() {
        return Ok(false);
    }
    let record: Option<Record> = store::read_json(&home.join(RECORD))?;
    Ok(record.is_some_and(|record| record.config.auto_remove))
}

/// Whether nobody lived to tell of an end.
pub(super) fn is_by_lost_monitor(record: &ExitRecord) -> bool {
    record.error.as_deref() == Some(MONITOR_KILLED)
}

/// Whether this is the record that was written at the start, for the worst.
pub(super) fn is_expected(record: &ExitRecord) -> bool {
    let is_undated = record.started_at.as_ref() == Some(&record.finished_at);
    is_undated && is_by_lost_monitor(record)
}

/// The record that was written at the start, for the worst, gets the time at which it came true.
fn date_the_end(paths: &Paths, home: &Path) -> Result<(), Error> {
    let path = &home.join("exit.json");
    let Some(record) = store::read_json::<ExitRecord>(path)? else {
        return Ok(());
    };
    if !is_expected(&record) {
        return Ok(());
    }
    let record = ExitRecord {
        finished_at: store::time::now_rfc3339(),
        ..record
    };
    store::write_json(path, &record, Durability::Boot)?;
    if let Some(container) = store::read_json::<Record>(&home.join(RECORD))? {
        let event = Event::of_container(&container, "die");
        note(paths, &[event.with("exitCode", &record.code.to_string())]);
    }
    Ok(())
}

/// Removes everything of a container.
pub(super) fn clear_away(paths: &Paths, charge: Charge, id: &str) -> Result<(), Error> {
    release(paths, &charge, id)?;
    remove_all(paths, charge, id)
}

/// Lets nobody find a container that does not run any more: its record goes, then its name.
pub(super) fn forget(paths: &Paths, charge: &Charge, id: &str) -> Result<Option<Record>, Error> {
    let directory = charge.directory();
    // Out of reach first, then read: nobody renames it any more.
    let gone = directory.join(FORGOTTEN);
    match std::fs::rename(directory.join(RECORD), &gone) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        moved => moved.map_err(|error| Error::io("moving the record in", directory, error))?,
    }
    let record = store::read_json(&gone)?;
    free_name(paths, id, record.as_ref())?;
    Ok(record)
}

fn free_name(paths: &Paths, id: &str, record: Option<&Record>) -> Result<(), Error> {
    match record {
        Some(record) => {
            if record.config.auto_remove {
                remove_anonymous(paths, record)?;
            }
            free_claim(&paths.names(), &record.name, id)
        }
        // It was not made as far as its record, but may have claimed a name.
        None => free_claims(&paths.names(), id),
    }
}

/// Removes everything of a container that was released. Nobody finds it from the first step on.
pub(super) fn remove_all(paths: &Paths, charge: Charge, id: &str) -> Result<(), Error> {
    let (home, unfinished) = (paths.data_dir(id), paths.data_dir_unfinished(id));
    match std::fs::rename(&home, &unfinished) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        // Left by an earlier removal that was interrupted.
        Err(_) => store::remove_tree(&unfinished).and_then(|()| store::remove_tree(&home))?,
        Ok(()) => {}
    }
    // From here on the name in it does not change.
    let record = match store::read_json(&unfinished.join(RECORD))? {
        Some(record) => {
            free_name(paths, id, Some(&record))?;
            Some(record)
        }
        None => forget(paths, &charge, id)?,
    };
    if let Some(record) = record {
        note(paths, &[Event::of_container(&record, "destroy")]);
    }
    store::remove_tree(&unfinished)?;
    charge.give_up()
}

/// How much a command clears up before its own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// As much as does not hold it up.
    Some,
    /// Everything.
    All,
}

impl Engine {
    /// Clears up after containers that nobody is in charge of. What cannot be cleared up now is
    /// found by the next who tries.
    pub fn sweep(&self, sweep: Sweep) {
        let limit = match sweep {
            Sweep::Some => BY_THE_WAY,
            Sweep::All => usize::MAX,
        };
        for directory in entries(&self.paths.run_containers()).take(limit) {
            let Some(id) = name_of(&directory) else {
                continue;
            };
            if let Ok(Some(charge)) = Charge::take_over(directory) {
                let _ = clear_up(&self.paths, charge, &id);
            }
        }
    }

    /// Clears up after the last boot: processes are gone, whatever the documents say.
    pub(crate) fn sweep_after_boot(&self) -> Result<(), Error> {
        for directory in entries(&self.paths.run_containers()) {
            let Some(id) = name_of(&directory) else {
                continue;
            };
            if let Some(charge) = Charge::take_over(directory)? {
                store::remove_tree(&charge.directory().join("state.json"))?;
                clear_up(&self.paths, charge, &id)?;
            }
        }
        for directory in entries(&self.paths.data_containers()) {
            let Some(name) = name_of(&directory) else {
                continue;
            };
            let id = name.strip_prefix(UNFINISHED).unwrap_or(&name);
            let is_somebodys = self.paths.run_dir(id).exists();
            let is_whole = id == name && directory.join(RECORD).exists();
            if !is_somebodys && !is_whole {
                store::remove_tree(&directory)?;
            }
        }
        Ok(())
    }
}

/// The entries of a directory; none when it cannot be read.
fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned)
}
