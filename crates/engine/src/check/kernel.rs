//! Monitors, cgroups and mounts. All are found by what they are called, so that those of other
//! installations are met too and must be told apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::run::{Check, nothing_mends};
use crate::container::CGROUP_PREFIX;
use crate::{Error, MONITOR_VERB};

/// A monitor, of whichever installation.
struct Monitor {
    pid: i32,
    data: PathBuf,
    run: PathBuf,
}

/// Looks at everything of wharf's in the kernel.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Error> {
    let monitors = monitors();
    for (id, monitor) in &monitors {
        let paths = &check.engine.paths;
        if monitor.data == paths.data && monitor.run == paths.run {
            one_monitor(check, id, monitor.pid);
        }
    }
    let found = runtime::cgroup::find_named(CGROUP_PREFIX).unwrap_or_default();
    let others = found
        .into_iter()
        .filter(|directory| !cgroup(check, directory));
    let others: Vec<PathBuf> = others.collect();
    if !others.is_empty() {
        let ours = check.engine.told_containers()?;
        for directory in others {
            forgotten(check, &directory, &monitors, &ours);
        }
    }
    mounts(check)
}

/// All monitors by the ids of their containers.
fn monitors() -> BTreeMap<String, Monitor> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(monitor).collect()
}

fn monitor(pid: i32) -> Option<(String, Monitor)> {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = String::from_utf8(words).ok()?;
    let mut words = words.split('\0').skip(1);
    let (verb, data, run, id) = (words.next()?, words.next()?, words.next()?, words.next()?);
    (verb == MONITOR_VERB).then(|| {
        let monitor = Monitor {
            pid,
            data: data.into(),
            run: run.into(),
        };
        (id.to_owned(), monitor)
    })
}

fn one_monitor(check: &mut Check<'_>, id: &str, pid: i32) {
    let is_its = || monitor(pid).is_some_and(|(now, _)| now == id);
    let run_directory = check.engine.paths.run_dir(id);
    // One that has finished is about to go.
    if run_directory.exists() || check.settles(|| !is_its()) {
        check.owned("monitor", format!("process {pid}"), id);
        return;
    }
    let kill = || {
        let failed = |errno| Error::io("killing", Path::new(&format!("process {pid}")), errno);
        let process = Pid::from_raw(pid).ok_or_else(|| failed(Errno::SRCH))?;
        let pidfd = pidfd_open(process, PidfdFlags::empty()).map_err(failed)?;
        match is_its() {
            true => pidfd_send_signal(&pidfd, Signal::KILL).map_err(failed),
            false => Ok(()),
        }
    };
    let why = format!("it is beside container {id}, which is not there");
    check.problem(format!("monitor {pid}"), why, "kill it", kill);
}

/// The id in the name of a cgroup.
fn id_of(directory: &Path) -> Option<&str> {
    let name = directory
        .file_name()?
        .to_str()?
        .strip_prefix(CGROUP_PREFIX)?;
    Some(name.strip_suffix(".scope").unwrap_or(name))
}

/// Whether a cgroup is that of a container of ours.
fn cgroup(check: &mut Check<'_>, directory: &Path) -> bool {
    let Some(id) = id_of(directory) else {
        return false;
    };
    let is_known = check.is_known(id);
    if is_known {
        check.owned("cgroup", directory.display().to_string(), id);
    }
    is_known
}

/// A cgroup of a container that was ours once, and is gone. One of which we never heard is another
/// installation's.
fn forgotten(
    check: &mut Check<'_>,
    directory: &Path,
    monitors: &BTreeMap<String, Monitor>,
    ours: &BTreeSet<String>,
) {
    let Some(id) = id_of(directory).filter(|id| ours.contains(*id)) else {
        return;
    };
    if monitors.contains_key(id) || check.settles(|| !directory.exists()) {
        return;
    }
    let shown = directory.display().to_string();
    if !runtime::cgroup::is_empty(directory) {
        let why = "processes are left in it of a container that is not there";
        check.problem(shown, why, "kill them", nothing_mends);
        return;
    }
    let remove = || match rustix::fs::rmdir(directory) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Error::io("removing", directory, errno)),
    };
    let why = "it is left of a container that is not there";
    check.problem(shown, why, "remove it", remove);
}

/// Mounts among our own files: what wharf mounts is never seen on the host.
fn mounts(check: &mut Check<'_>) -> Result<(), Error> {
    let path = "/proc/self/mountinfo";
    let text = sys::proc::read(path);
    let text = text.map_err(|errno| Error::io("reading", Path::new(path), errno))?;
    let paths = check.engine.paths.clone();
    let ours = [paths.run.clone(), paths.data_containers()];
    for line in text.lines() {
        let place = line.split(' ').nth(4).unwrap_or_default();
        let place = PathBuf::from(place.replace("\\040", " "));
        let is_ours = |root: &&PathBuf| place.starts_with(root) && place != **root;
        if !ours.iter().any(|root| is_ours(&root)) {
            continue;
        }
        let remove = || {
            let unmounted = unmount(&place, UnmountFlags::DETACH);
            unmounted.map_err(|errno| Error::io("unmounting", &place, errno))
        };
        let shown = place.display().to_string();
        check.problem(
            shown,
            "it is mounted among wharf's own files",
            "unmount it",
            remove,
        );
    }
    Ok(())
}
