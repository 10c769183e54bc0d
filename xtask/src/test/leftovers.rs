//! What a run of the tests may not leave on the machine: mounts, cgroups, network namespaces,
//! files of ours outside the run's directory. Processes and temporary files are found test by
//! test by the supervisor.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Places where the engine keeps things by default; a test uses its own roots, never these.
const OURS: &[&str] = &["/run/wharf", "/var/lib/wharf", "/run/netns"];

/// Compiled filters are kept on purpose, until the next boot. Whoever runs wharf through Podman,
/// containerd or Docker cannot name another place for them, so those of the tests go at the end.
const KEPT: &str = "/run/wharf/filters";

/// The machine's state before the tests.
pub(super) struct Snapshot {
    cgroups: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl Snapshot {
    pub(super) fn take() -> Self {
        Snapshot {
            cgroups: cgroups(),
            files: files(),
        }
    }

    /// What is there now and was not before, in words.
    pub(super) fn left_behind(&self, run_directory: &Path) -> Vec<String> {
        let mounts = mounts(run_directory)
            .into_iter()
            .map(|mount| format!("mount {mount}"));
        let new_cgroups = cgroups()
            .into_iter()
            .filter(|path| !self.cgroups.contains(path));
        // One with a process in it belongs to somebody who lives; ours are all dead by now.
        let cgroups = new_cgroups
            .filter(|path| path.exists() && !is_populated(path) && !self.is_strangers(path))
            .map(|path| format!("cgroup {}", path.display()));
        let files = files()
            .into_iter()
            .filter(|path| !self.files.contains(path));
        let files = files.filter(|path| !(path.starts_with(KEPT) && fs::remove_file(path).is_ok()));
        let files = files.map(|path| format!("file {}", path.display()));
        mounts.chain(cgroups).chain(files).collect()
    }

    /// Whether a cgroup is another program's, which works on this machine at the same time: it is in
    /// a group that was there before. Tests make theirs at the top, or in what they made.
    fn is_strangers(&self, cgroup: &Path) -> bool {
        let is_named_by_us = cgroup.to_string_lossy().contains("wharf");
        let is_group = |path: &&Path| path.join("cgroup.procs").exists();
        let above = cgroup
            .parent()
            .filter(|above| self.cgroups.contains(*above));
        let is_below_the_top = above.and_then(Path::parent).filter(is_group).is_some();
        !is_named_by_us && is_below_the_top
    }
}

/// Mount points below the directory of the run or below a place of ours.
fn mounts(run_directory: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let is_ours = |point: &&str| {
        let point = Path::new(point);
        point.starts_with(run_directory) || OURS.iter().any(|ours| point.starts_with(ours))
    };
    points.filter(is_ours).map(str::to_owned).collect()
}

/// Every cgroup of every hierarchy.
fn cgroups() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut pending = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = pending.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                pending.push(entry.path());
            }
        }
        found.insert(directory);
    }
    found
}

fn is_populated(cgroup: &Path) -> bool {
    let own = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    let below = || fs::read_dir(cgroup).ok().into_iter().flatten().flatten();
    !own.is_empty()
        || below().any(|entry| {
            entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_populated(&entry.path())
        })
}

/// What is in the places of ours: a file, or whatever is in one of their directories. A place
/// itself, or an empty directory in it, holds nothing of anybody.
fn files() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for first in OURS.iter().flat_map(|place| entries(Path::new(place))) {
        if first.is_dir() {
            found.extend(entries(&first));
        } else {
            found.insert(first);
        }
    }
    found
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).ok().into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_the_top_or_has_our_name_is_ours() {
        let before = Snapshot::take();
        let top = before.cgroups.iter();
        let mut top = top.filter(|path| path.join("cgroup.procs").exists());
        let Some(top) = top.next() else {
            println!("skipped: there are no cgroups");
            return;
        };
        assert!(!before.is_strangers(&top.join("new")));
        let within = Snapshot {
            cgroups: BTreeSet::from([top.join("theirs")]),
            files: BTreeSet::new(),
        };
        assert!(within.is_strangers(&top.join("theirs/new")));
        assert!(!within.is_strangers(&top.join("theirs/wharf-new")));
    }
}
