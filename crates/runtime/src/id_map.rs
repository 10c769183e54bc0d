//! The id maps of a user namespace: written by the parent, directly where it may, through
//! `newuidmap` and `newgidmap` where an ordinary user maps more than itself. Which ranges a
//! container gets is decided by whoever wrote `config.json`.
//!
//! Source: user_namespaces(7), "Defining user and group ID mappings".

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use spec::runtime::IdMapping;

use crate::error::{Doing, Error, Fault};

/// Both maps of a new user namespace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdMaps<'a> {
    pub(crate) uids: &'a [IdMapping],
    pub(crate) gids: &'a [IdMapping],
}

/// Writes both maps of the process `pid`, which sits in a new user namespace.
pub(crate) fn write(pid: Pid, maps: IdMaps<'_>) -> Result<(), Error> {
    let directory = format!("/proc/{}", pid.as_raw_pid());
    let process = rustix::fs::open(
        directory.as_str(),
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .doing(|| format!("opening {directory}"))?;
    if may_map_freely() {
        write_file(&process, "uid_map", &lines(maps.uids))?;
        write_file(&process, "gid_map", &lines(maps.gids))?;
        return Ok(());
    }
    write_unprivileged(&process, pid, maps)
}

/// The maps of the process `pid`, read back: those of a user namespace that somebody else made.
pub(crate) fn read(pid: Pid) -> Result<(Vec<IdMapping>, Vec<IdMapping>), Fault> {
    let of = |file: &str| {
        let path = format!("/proc/{}/{file}", pid.as_raw_pid());
        let text = sys::proc::read(&path).doing(|| format!("reading {path}"))?;
        Ok::<_, Fault>(parse(&text))
    };
    Ok((of("uid_map")?, of("gid_map")?))
}

pub(crate) fn parse(text: &str) -> Vec<IdMapping> {
    text.lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
            Some(IdMapping {
                container_id: numbers.next()?,
                host_id: numbers.next()?,
                size: numbers.next()?,
            })
        })
        .collect()
}

/// What the host calls the container's `id`, if it is mapped at all.
pub(crate) fn host_id(map: &[IdMapping], id: u32) -> Option<u32> {
    map.iter().find_map(|range| {
        let offset = id.checked_sub(range.container_id)?;
        (offset < range.size).then(|| range.host_id.checked_add(offset))?
    })
}

/// An ordinary user may map its own id alone, and its group only after giving up `setgroups`; for
/// more the set-uid tools of the host must vouch.
fn write_unprivileged(process: &OwnedFd, pid: Pid, maps: IdMaps<'_>) -> Result<(), Error> {
    if is_own(maps.uids, rustix::process::geteuid().as_raw()) {
        write_file(process, "uid_map", &lines(maps.uids))?;
    } else {
        run_tool("newuidmap", pid, maps.uids)?;
    }
    if is_own(maps.gids, rustix::process::getegid().as_raw()) {
        write_file(process, "setgroups", "deny")?;
        write_file(process, "gid_map", &lines(maps.gids))?;
    } else {
        run_tool("newgidmap", pid, maps.gids)?;
    }
    Ok(())
}

/// Whether the maps of a foreign process may be written without help: with both capabilities.
fn may_map_freely() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| {
        sets.effective
            .contains(CapabilitySet::SETUID | CapabilitySet::SETGID)
    })
}

fn is_own(map: &[IdMapping], id: u32) -> bool {
    matches!(map, [one] if one.size == 1 && one.host_id == id)
}

fn lines(map: &[IdMapping]) -> String {
    map.iter()
        .map(|m| format!("{} {} {}\n", m.container_id, m.host_id, m.size))
        .collect()
}

fn write_file(process: &OwnedFd, name: &str, text: &str) -> Result<(), Fault> {
    let clause = || format!("writing {text:?} to {name}");
    let file = rustix::fs::openat(
        process.as_fd(),
        name,
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .doing(clause)?;
    rustix::io::write(&file, text.as_bytes())
        .doing(clause)
        .map(|_| ())
}

/// Runs `newuidmap PID inside outside size …`.
fn run_tool(tool: &'static str, pid: Pid, map: &[IdMapping]) -> Result<(), Error> {
    let path = ["/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"]
        .iter()
        .map(|directory| Path::new(directory).join(tool))
        .find(|path| path.exists())
        .ok_or_else(|| {
            let clause = format!("mapping more than one id needs {tool} (Debian's package uidmap)");
            Error::parent(clause, Errno::NOENT)
        })?;
    let numbers = map.iter().flat_map(|m| [m.container_id, m.host_id, m.size]);
    let output = Command::new(&path)
        .arg(pid.as_raw_pid().to_string())
        .args(numbers.map(|number| number.to_string()))
        .stdin(Stdio::null())
        .output()
        .doing(|| format!("running {}", path.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::parent(
        format!("{tool} refused the map ({why})"),
        Errno::PERM,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(container_id: u32, host_id: u32, size: u32) -> IdMapping {
        IdMapping {
            container_id,
            host_id,
            size,
        }
    }

    #[test]
    fn a_map_has_a_line_for_each_range() {
        let map = [mapping(0, 1000, 1), mapping(1, 100_000, 65536)];
        assert_eq!(lines(&map), "0 1000 1\n1 100000 65536\n");
    }

    #[test]
    fn an_id_is_found_wherever_its_range_stands_in_the_map() {
        let map = parse("         1     100000      65535\n         0       1000          1\n");
        assert_eq!(host_id(&map, 0), Some(1000));
        assert_eq!(host_id(&map, 33), Some(100_032));
        assert_eq!(host_id(&map, 65_536), None);
    }

    #[test]
    fn only_a_map_of_one_own_id_needs_no_help() {
        assert!(is_own(&[mapping(0, 1000, 1)], 1000));
        assert!(!is_own(&[mapping(0, 1000, 2)], 1000));
        assert!(!is_own(&[mapping(0, 1001, 1)], 1000));
        assert!(!is_own(&[mapping(0, 1000, 1), mapping(1, 5, 1)], 1000));
    }
}
