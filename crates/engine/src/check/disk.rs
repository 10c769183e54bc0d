//! Records, names, layers, run directories, id ranges, leases and volumes.

use std::path::{Path, PathBuf};

use store::names;

use super::run::{Check, nothing_mends};
use crate::claim::lock;
use crate::container::{Charge, clear_up, find_record, is_claimed_by};
use crate::paths::UNFINISHED;
use crate::{Error, Record, Root};

/// Looks at everything below the two roots but images.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Error> {
    let paths = check.engine.paths.clone();
    for directory in entries(&paths.data_containers()) {
        data_directory(check, &directory);
    }
    for directory in entries(&paths.run_containers()) {
        run_directory(check, directory);
    }
    for id in check.records.keys().cloned().collect::<Vec<_>>() {
        container(check, &id);
    }
    claims(check, "name", &paths.names(), |check, id, name| {
        is_claimed_by(&check.engine.paths, id, name)
    });
    claims(check, "id range", &paths.id_ranges(), |check, id, _| {
        check.is_held(id)
    });
    for network in entries(&paths.all_leases()) {
        claims(check, "address", &network, |check, id, _| {
            check.is_known(id)
        });
    }
    for directory in entries(&paths.volumes()) {
        volume(check, &directory);
    }
    Ok(())
}

fn data_directory(check: &mut Check<'_>, directory: &Path) {
    let shown = directory.display().to_string();
    let Some(name) = name_of(directory) else {
        return;
    };
    let id = name.strip_prefix(UNFINISHED).unwrap_or(&name);
    let is_there = || directory.symlink_metadata().is_ok();
    match find_record(&check.engine.paths, id) {
        Ok(Some(record)) if id == name => {
            check.records.insert(id.to_owned(), record);
            check.owned("record", shown, id);
        }
        Err(error) if is_there() => {
            let why = format!("its record cannot be read: {error}");
            check.problem(
                shown,
                why,
                "remove it with rm -f, or restore it",
                nothing_mends,
            );
        }
        // An ephemeral one has its record in the run directory.
        Ok(Some(_)) => check.owned("layer", shown, id),
        _ if check.is_held(id) => check.owned("layer", shown, id),
        // Somebody has just finished with it.
        _ if !is_there() => {}
        _ => {
            let why = "it is left of a container that was being made or removed";
            let remove = || Ok(store::remove_tree(directory)?);
            check.problem(&shown, why, "remove it", remove);
        }
    }
}

fn run_directory(check: &mut Check<'_>, directory: PathBuf) {
    let Some(id) = name_of(&directory) else {
        return;
    };
    let shown = directory.display().to_string();
    if let Ok(Some(record)) = find_record(&check.engine.paths, &id) {
        check.records.entry(id.clone()).or_insert(record);
    }
    // Whoever gives it up removes the lock first.
    if check.settles(|| check.is_held(&id) || !directory.exists()) {
        check.owned("run directory", &shown, &id);
        let socket = directory.join("attach.sock");
        if socket.exists() {
            check.owned("socket", socket.display().to_string(), &id);
        }
        return;
    }
    let paths = check.engine.paths.clone();
    let clear = || match Charge::take_over(directory)? {
        Some(charge) => clear_up(&paths, charge, &id),
        None => Ok(()),
    };
    let why = "nobody is in charge of it any more";
    check.problem(&shown, why, "any command clears it up", clear);
}

/// What a container needs to be started.
fn container(check: &mut Check<'_>, id: &str) {
    let paths = check.engine.paths.clone();
    let Some(record) = check.records.get(id).cloned() else {
        return;
    };
    let is_there = || matches!(find_record(&paths, id), Ok(Some(_)));
    let what = format!("container {}", record.name);
    match names::resolve(&paths.names(), &record.name) {
        Ok(Some(owner)) if owner == id => {}
        // It got another name, or went, since we read it.
        _ if find_record(&paths, id).ok().flatten().map(|now| now.name)
            != Some(record.name.clone()) => {}
        _ => {
            let claim = || Ok(names::claim(&paths.names(), &record.name, id).map(drop)?);
            check.problem(&what, "its name is not claimed", "claim it", claim);
        }
    }
    for missing in missing_parts(&record) {
        if is_there() {
            let why = format!("{} is missing", missing.display());
            check.problem(&what, why, "remove the container", nothing_mends);
        }
    }
    if check.engine.runs_unattended(&record) {
        let why = "it runs, but nobody is in charge of it";
        check.problem(&what, why, "kill it with rm -f", nothing_mends);
    }
}

/// Directories that a container was made of and that are gone.
fn missing_parts(record: &Record) -> Vec<PathBuf> {
    let mut needed: Vec<PathBuf> = Vec::new();
    for overlay in &record.overlays {
        needed.extend(overlay.lower.iter().cloned());
        needed.push(overlay.writable.join("upper"));
    }
    if let Root::Directory { path, .. } = &record.config.root {
        needed.push(path.clone());
    }
    let volumes = record.config.volumes.iter();
    needed.extend(
        volumes
            .filter(|v| v.name.is_some())
            .map(|v| v.source.clone()),
    );
    needed.retain(|path| path.symlink_metadata().is_err());
    needed
}

/// Links whose making is a claim: each must be somebody's.
fn claims(
    check: &mut Check<'_>,
    kind: &'static str,
    directory: &Path,
    is_owned: impl Fn(&Check<'_>, &str, &str) -> bool,
) {
    for link in entries(directory) {
        let Some(name) = name_of(&link).filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let owner = || names::resolve(directory, &name).ok().flatten();
        let Some(id) = owner() else {
            continue;
        };
        if is_owned(check, &id, &name) || owner().as_ref() != Some(&id) {
            check.owned(kind, name, &id);
            continue;
        }
        let release = || {
            let _lock = lock(directory)?;
            match names::resolve(directory, &name)?.as_ref() == Some(&id) {
                true => Ok(names::release(directory, &name)?),
                false => Ok(()),
            }
        };
        let why = format!("container {id} has it, which is not there");
        check.problem(format!("{kind} {name}"), why, "free it", release);
    }
}

fn volume(check: &mut Check<'_>, directory: &Path) {
    let Some(name) = name_of(directory) else {
        return;
    };
    let shown = directory.display().to_string();
    if name.starts_with(UNFINISHED) {
        // Whoever makes or removes one does so without waiting for anything.
        if check.settles(|| !directory.exists()) {
            return;
        }
        let why = "it is left of a volume that was being made or removed";
        let remove = || Ok(store::remove_tree(directory)?);
        check.problem(&shown, why, "remove it", remove);
        return;
    }
    match check.engine.volume(&name) {
        Ok(_) => check.object("volume", name),
        Err(error) if directory.exists() => {
            let why = format!("its record cannot be read: {error}");
            check.problem(
                &shown,
                why,
                "restore volume.json, or remove it",
                nothing_mends,
            );
        }
        Err(_) => {}
    }
}

/// The entries of a directory; none when it cannot be read.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}
